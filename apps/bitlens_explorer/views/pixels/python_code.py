"""The lines of Python that give what the pixels page draws."""

from __future__ import annotations

from collections.abc import Sequence

from bitlens.runs import Run
from bitlens_explorer import figures, pixels
from bitlens_explorer.recorded import Parameters

RECORD = """with bitlens.Recorder(model, "my-run", (images, labels), weights=[0, 5, 10]) as recorder:
    ...  # train, and recorder.snapshot(epoch) after each epoch"""
MEASURE = "bitlens.layer_discarding(run, model)"


def wanted(run: Run) -> str:
    """How results come into being, as far as it has not been done."""
    if run.weight_epochs:
        return "\n".join([*figures.opened(run), MEASURE])
    return "\n".join(["import bitlens", "", RECORD, "", 'run = bitlens.open_run("my-run")', MEASURE])


def load(parameters: Parameters, epoch: int) -> list[str]:
    """The results of an epoch."""
    return [f"parameters = {parameters!r}", f'results = run.results.load("layer_discarding", parameters, {epoch})']


def maps(run: Run, name: str, chosen: str, step: int) -> list[str]:
    """The maps as they are drawn."""
    over, drawn = pixels.axes(run)
    mean = f".mean({over!r})" if over else ""
    shape = f".rename({dict(zip(drawn, ('row', 'column'), strict=True))!r})" if len(drawn) == 2 else ""
    shape = shape or f".stack(unit={drawn!r}, create_index=False)"
    names = ("row", "column") if len(drawn) == 2 else ("unit",)
    coarse = f".coarsen({dict.fromkeys(names, step)!r}, boundary='pad').mean()" if step > 1 else ""
    return [f"maps = results.{name}.sel({chosen}){mean}{shape}{coarse}"]


def curve(run: Run, parameters: Parameters, name: str, samples: Sequence[int], epochs: Sequence[int]) -> list[str]:
    """Means of images by layer, and by epoch where there are several."""
    over, drawn = pixels.axes(run)
    mean = "" if name == "concentration" else (f".mean({over!r})" if over else "") + f".mean({drawn!r})"
    lines = ["import pandas", "import xarray", "", f"parameters = {parameters!r}", "parts = []"]
    lines += [
        f"for epoch in {list(epochs)}:",
        '    results = run.results.load("layer_discarding", parameters, epoch)',
        f"    parts.append(results[[{name!r}, 'converged']].sel(sample={list(samples)}).expand_dims(epoch=[epoch]))",
        "found = xarray.concat(parts, 'epoch')",
        f"values = found.{name}{mean}",
        "table = values.to_series().groupby(['epoch', 'layer'], sort=False).agg(['mean', 'std', 'count'])",
    ]
    if name != "uncertainty":
        lines.append("table['not converged'] = (found.converged == 0).sum('sample').to_series()")
    return lines
