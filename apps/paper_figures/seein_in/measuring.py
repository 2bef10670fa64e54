"""What the figures show of the trained networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

import bitlens
from bitlens.data.images import Images
from paper_figures.common.cache import Cache, progress
from paper_figures.common.networks import output_of
from paper_figures.common.training import Samples
from paper_figures.seein_in.networks import VARIANTS, Settings, network

TABLES = ("embedding", "clusters", "field", "average", "units", "channels", "regions", "ranks")
TOP = 0.05
"""Share of the points of a channel that counts as its highest activations."""
REGIONS = 4
"""Parts of equal size into which the images of a class are cut by a channel."""


def measured(images: Images, cache: Cache, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return all tables; networks that the cache holds are not trained again."""
    training = _first(images.train_images, images.train_labels, settings.samples)
    probe = _first(images.test_images, images.test_labels, settings.probe)
    everything: dict[str, list[pd.DataFrame]] = {}
    for variant, seed in progress([(v, s) for s in range(settings.seeds) for v in VARIANTS], "training networks"):
        model = network(cache, training, settings, variant, seed)
        tables = {"clusters": _clusters(model, probe), "ranks": _ranks(model, probe)}
        if VARIANTS[variant]:
            tables |= _of_layers(model, probe)
        for name, table in tables.items():
            everything.setdefault(name, []).append(table.assign(variant=variant, seed=seed))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in everything.items()}
    tables["average"] = _average(probe)
    return {name: tables[name] for name in TABLES}


def _first(images: object, labels: object, count: int) -> Samples:
    return Samples(torch.as_tensor(images)[:count, None], torch.as_tensor(labels)[:count])


def _nearest(points: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The means of the classes, and the class whose mean is nearest to each point."""
    means = np.stack([points[labels == label].mean(0) for label in range(10)])
    return means, ((points[:, None] - means[None]) ** 2).sum(2).argmin(1)


def _clusters(model: nn.Sequential, probe: Samples) -> pd.DataFrame:
    """By class: where its images lie in the output, how wide they spread, and how many other digits lie among them."""
    points, labels = output_of(model, "feat", probe.images).numpy(), probe.labels.numpy()
    means, nearest = _nearest(points, labels)
    rows = []
    for label in range(10):
        own = points[labels == label]
        inside = nearest == label
        rows.append(
            {
                "class": label,
                "distance": float(np.hypot(*means[label])),
                "spread": float(np.sqrt(((own - means[label]) ** 2).sum(1).mean())),
                "foreign": float((labels[inside] != label).mean()) if inside.any() else 0.0,
            }
        )
    return pd.DataFrame(rows).assign(accuracy=float((nearest == labels).mean()))


def _ranks(model: nn.Sequential, probe: Samples) -> pd.DataFrame:
    """How many directions the outputs of the second linear layer use."""
    outputs = output_of(model, "ip2", probe.images).numpy()
    return pd.DataFrame({"rank": [float(bitlens.effective_rank(outputs))], "units": [outputs.shape[1]]})


def _of_layers(model: nn.Sequential, probe: Samples) -> dict[str, pd.DataFrame]:
    labels = probe.labels.numpy()
    points = output_of(model, "feat", probe.images).numpy()
    _, nearest = _nearest(points, labels)
    embedding = pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "class": labels, "nearest": nearest})
    hidden = output_of(model, "ip1", probe.images).numpy()
    means = np.stack([hidden[labels == label].mean(0) for label in range(10)])
    highest = means.max(0)
    fires = (means > 0.5 * np.where(highest > 0, highest, np.inf)).sum(0)
    units = {"unit": np.arange(len(highest)), "classes": fires, "lowest": hidden.min(0)}
    channels, regions = _channels(output_of(model, "pool2", probe.images).numpy(), probe)
    return {
        "embedding": embedding,
        "field": _field(model, probe),
        "units": pd.DataFrame(units),
        "channels": channels,
        "regions": regions,
    }


def _channels(maps: np.ndarray, probe: Samples) -> tuple[pd.DataFrame, pd.DataFrame]:
    """By channel of pool2: the digits of its highest points, and how its value follows the slant of the ones."""
    labels = probe.labels.numpy()
    ones = labels == 1
    slants = slant(probe.images[ones, 0].numpy())
    count = max(1, round(TOP * maps[:, 0].size))
    rows, regions = [], []
    for channel in range(maps.shape[1]):
        values = maps[:, channel].reshape(len(maps), -1)
        top = labels.repeat(values.shape[1])[np.argsort(values.ravel())[-count:]]
        strongest = values[ones].max(1)
        correlation = float(np.corrcoef(strongest, slants)[0, 1]) if strongest.std() > 0 else 0.0
        rows.append({"channel": channel, "ones": float((top == 1).mean()), "slant": correlation})
        parts = np.array_split(np.argsort(strongest, kind="stable"), REGIONS)
        regions += [{"channel": channel, "region": i, "slant": float(slants[p].mean())} for i, p in enumerate(parts)]
    return pd.DataFrame(rows), pd.DataFrame(regions)


def slant(images: np.ndarray) -> np.ndarray:
    """The shear of the ink of each image [n, height, width]: columns to the right per row upwards."""
    rows, columns = np.indices(images.shape[1:], np.float64)
    ink = images / images.sum((1, 2), keepdims=True)
    row, column = ((ink * place).sum((1, 2))[:, None, None] for place in (rows, columns))
    shear = -(ink * (rows - row) * (columns - column)).sum((1, 2)) / (ink * (rows - row) ** 2).sum((1, 2))
    return np.asarray(shear)


def _field(model: nn.Sequential, probe: Samples) -> pd.DataFrame:
    """For positions of pool2: its receptive field, and the pixels whose change changes the position."""
    field = bitlens.receptive_fields(model, (1, 28, 28), "pool2")["pool2"]
    rows = []
    for position in ((0, 0), (1, 2), (3, 3)):
        image = probe.images[:1].clone().requires_grad_(True)
        outputs = image
        for name, layer in model.named_children():
            outputs = nn.functional.avg_pool2d(outputs, 2) if name.startswith("pool") else layer(outputs)
            if name == "pool2":
                break
        outputs[0, :, *position].sum().backward()  # type: ignore[no-untyped-call]
        assert image.grad is not None
        reached = np.argwhere(image.grad[0, 0].numpy() != 0)
        box = [list(interval) for interval in field.box(*position)]
        found = [[int(low), int(high) + 1] for low, high in zip(reached.min(0), reached.max(0), strict=True)]
        names = ("top", "bottom", "left", "right")
        numbers = dict(zip(names, [*box[0], *box[1]], strict=True))
        numbers |= dict(zip([f"reached_{name}" for name in names], [*found[0], *found[1]], strict=True))
        rows.append({"row": position[0], "column": position[1], **numbers})
    return pd.DataFrame(rows)


def _average(probe: Samples) -> pd.DataFrame:
    """The average of the images of every 8."""
    mean = probe.images[probe.labels == 8].mean(0)[0].numpy()
    rows, columns = np.indices(mean.shape)
    return pd.DataFrame({"row": rows.ravel(), "column": columns.ravel(), "value": mean.ravel()})
