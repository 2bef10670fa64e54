"""Draw the growth curves: time above, memory below, on logarithmic axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_STYLES = (("#1f5fbf", "o"), ("#d1631b", "s"), ("#3c8d40", "^"), ("#8a3fa0", "D"))


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw all stored sweeps side by side.

    Parameters
    ----------
    results : dict
        The results that `bench.growth` writes.
    path : Path
        The file of the picture; its suffix determines the format.
    """
    from matplotlib.figure import Figure

    sweeps = results["sweeps"].values()
    figure = Figure(figsize=(4.6 * len(sweeps), 7.4), layout="constrained")
    rows = figure.subplots(2, len(sweeps), sharex="col", squeeze=False)
    for (above, below), sweep in zip(rows.T, sweeps, strict=True):
        for (name, points), (color, marker) in zip(sweep["curves"].items(), _STYLES, strict=False):
            sizes = [point["size"] for point in points]
            look = {"color": color, "marker": marker, "markersize": 5, "linewidth": 1.8, "label": name}
            above.plot(sizes, [point["seconds"] for point in points], **look)
            below.plot(sizes, [point["peak_mib"] for point in points], **look)
        _label(above, below, sweep)
    machine = results["environment"]["machine"]
    figure.suptitle(
        f"{results['environment']['threads']} threads on an {machine['processor']}; peak memory of the whole process",
        fontsize=11,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _label(above: Any, below: Any, sweep: dict[str, Any]) -> None:
    above.set_title(sweep["title"].replace(", ", "\n", 1), fontsize=11)
    above.set_ylabel("time [s]")
    below.set_ylabel("peak memory [MiB]")
    below.set_xlabel(sweep["axis"])
    above.legend(fontsize=9)
    for axes in (above, below):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(visible=True, which="both", linewidth=0.4, alpha=0.5)
    ticks = sorted({point["size"] for points in sweep["curves"].values() for point in points})
    below.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=9, rotation=45)
    below.minorticks_off()
    low, high = below.get_ylim()
    memory = [tick for tick in (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384) if low / 2 <= tick <= high * 2]
    below.set_yticks(memory, [str(tick) for tick in memory])
