"""The page: each figure, its table, and what became of its claim."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.progress import track

from bitlens.data.images import Images
from paper_figures.information_discarding import claims, measuring, pictures, tables
from paper_figures.information_discarding.networks import BOTTLENECK, KINDS, SHARES
from paper_figures.information_discarding.training import BATCH, RATE, TEMPERATURE, Sizes, Workshop

TITLE = "Quantifying Layerwise Information Discarding of Neural Networks (Ma et al. 2019), drawn anew"
_COMPARED = ("lenet", "plain", "resnet", "autoencoder")
_DAMAGED = ("resnet", "damaged")
_PRUNED = ("plain", *(f"pruned-{share}" for share in SHARES))
_DISTILLED = ("lenet", "distilled")
_SHOWN = 8


def write(images: Images, work: Path, out: Path, sizes: Sizes, seeds: int) -> None:
    """Train and measure what is not there yet, and write PNG, CSV and README.md."""
    shop = Workshop(images, work, sizes)
    jobs = [(name, seed) for name in KINDS for seed in range(seeds)]
    measured = [measuring.of_network(shop, *job) for job in track(jobs, "training and measuring networks")]
    table = tables.of_seeds(measured)
    learning = tables.of_seeds([measuring.of_epochs(shop, seed) for seed in range(seeds)])
    rescaled = measuring.of_rescaled(shop)
    out.mkdir(parents=True, exist_ok=True)
    pictures.some_scenes(shop.test, _SHOWN).savefig(out / "scenes.png", dpi=100)
    compared, damaged, pruned, distilled = (
        tables.chosen(table, names) for names in (_COMPARED, _DAMAGED, _PRUNED, _DISTILLED)
    )
    searches = pd.concat([table, learning])
    text = [
        f"# {TITLE}",
        _settings(shop, seeds, searches),
        claims.networks(_scores(shop, seeds)),
        _section(
            out, "figure-1", "Fig. 1: the same function by other weights", rescaled, pictures.rescaling(rescaled),
            f"The plain CNN (first seed) before and after every first of two convolutions was divided by {measuring.FACTOR:g} and "
            "every second multiplied by it: mean magnitudes by layer. RU after the change is by the same decoder, before "
            "which the features are multiplied by what they were divided by, so that it must stay as it was. So must "
            "Grad-CAM, which multiplies features by the means of their gradients.",
            claims.coherency(rescaled),
        ),
        _section(
            out, "figure-3", "Fig. 3: networks for the same data", compared,
            pictures.curves(compared, _COMPARED, tables.MEASURES, by_layer=False),
            "SID, RU and concentration by relative depth.",
            f"{claims.deep_and_shallow(compared)}\n\n{claims.tasks(compared)}",
        ),
        _section(
            out, "figure-4a", "Fig. 4a: a damaged architecture", damaged,
            pictures.curves(damaged, _DAMAGED, tables.MEASURES),
            f"The ResNet, and one with a block of 1 x 1 convolutions through {BOTTLENECK} channels, without skip connection, "
            "behind its second block.",
            claims.damage(damaged),
        ),
        _section(
            out, "figure-4b", "Fig. 4b: compression", pruned, pictures.curves(pruned, _PRUNED, tables.MEASURES),
            "The plain CNN, and after pruning the smallest weights of every layer but the first, trained on for half as many epochs.",
            claims.compression(pruned),
        ),
        _section(
            out, "figure-5a", "Fig. 5a: distillation", distilled,
            pictures.curves(distilled, _DISTILLED, ("SID", "concentration")),
            f"The LeNet, and one that learned the outputs of the ResNet of its seed instead of labels (temperature {TEMPERATURE:g}).",
            claims.distillation(distilled),
        ),
        _section(
            out, "figure-5b", "Fig. 5b: while a network learns", learning, pictures.epochs(learning),
            f"The blocks of the ResNet after epochs {', '.join(map(str, sorted(learning.epoch.unique())))}; 0 is before training.",
            claims.learning(learning),
        ),
    ]  # fmt: skip
    (out / "README.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")


def _section(
    out: Path, name: str, title: str, table: pd.DataFrame, figure: Figure, caption: str, claim: str
) -> str:  # fmt: skip
    table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    figure.savefig(out / f"{name}.png", dpi=100)
    return "\n\n".join([f"## {title}", f"![{title}]({name}.png)", f"{caption} [The numbers]({name}.csv).", claim])


def _scores(shop: Workshop, seeds: int) -> pd.DataFrame:
    rows = []
    for name in KINDS:
        trained = [shop.network(name, seed) for seed in range(seeds)]
        model = trained[0].model
        weights = sum(int((parameter != 0).sum()) for parameter in model.parameters())
        rows.append({"network": name, "weights": weights, "score": sum(one.score for one in trained) / seeds})
    return pd.DataFrame(rows)


def _settings(shop: Workshop, seeds: int, searches: pd.DataFrame) -> str:
    sizes = shop.sizes
    decoded = min(measuring.DECODED, sizes.samples)
    return "\n\n".join(
        [
            f"Handwritten digits of MNIST, shrunk, each at a random place of a smooth random texture: images of {sizes.side} x "
            f"{sizes.side} pixels in 0 to 1. The box of the digit is the object that the concentration is about.",
            "![Images with the boxes of their objects](scenes.png)",
            f"{sizes.samples} training images, {_count(sizes.epochs, 'epoch')} of Adam in batches of {BATCH}, learning rates up to "
            f"{RATE:g}; {_count(seeds, 'seed')} of each network, so that deviations between them are rough. The LeNet has two "
            "convolutions and a fully connected layer, the plain CNN six convolutions without normalization, as in VGG-16, the "
            "ResNet a convolution and three residual blocks with batch normalization. The auto-encoder is the ResNet up to its "
            "last block, before the pooling, and two transposed convolutions.",
            f"Measured on the same {_count(sizes.probe, 'test image')}, alpha {measuring.ALPHA:g}, tau 0.01, with {measuring.DRAWS} "
            f"samples a step, at most {_count(measuring.STEPS, 'step')}. All numbers are means over images and pixels, in bits; then "
            "over seeds, with the standard deviation between them, shown by bars.",
            f"Decoders for RU have the paper's six residual blocks, {_count(measuring.WIDTH, 'channel')} wide, and see {decoded} "
            f"training images for {_count(measuring.DECODER_EPOCHS, 'epoch')}. {_quality(searches)}",
            "So few seeds and images, and so short a training, leave verdicts open that are near the limits of their rules: other "
            "sizes turn some of them round.",
        ]
    )


def _quality(searches: pd.DataFrame) -> str:
    """How far the searches and decoders are to be trusted."""
    parts = [
        f"{name}: {rows.kept.mean():.0%} keep the constraint within 2%, {rows.converged.mean():.0%} have come to rest as well"
        for name, rows in searches[searches.measure != "concentration"].groupby("measure", sort=False)
    ]
    rebuilt = searches.rebuilt.dropna()
    return (
        f"They rebuild {rebuilt.min():.0%} to {rebuilt.max():.0%} of the variance of test images (median {rebuilt.median():.0%}); "
        f"RU is about what they do as much as about the layers. Of the searches for {'; for '.join(parts)}."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
