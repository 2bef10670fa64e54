"""What was recorded in several runs, and the names that tables show of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bitlens.runs import Run


def named_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the names of their folders, or by their paths where names are equal.

    Parameters
    ----------
    runs : sequence of Run
        Open runs.

    Returns
    -------
    dict of str to Run
        In the given order.

    Raises
    ------
    ValueError
        If a folder is given twice.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> list(tables.named_runs([bitlens.open_run("demo-run")]))
    ['demo-run']
    """
    paths = [run.path.resolve() for run in runs]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(f"runs: expected different runs, got {twice} twice; name each run once")
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in runs]
    return dict(zip(names, runs, strict=True))


def joined_runs(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of the same tables of several runs.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The table of each run, by the name of the run.

    Returns
    -------
    DataFrame
        All rows, and a last column "run".

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> progress = tables.training_progress(bitlens.training_performance(bitlens.open_run("demo-run")))
    >>> sorted(set(tables.joined_runs({"first": progress, "second": progress})["run"]))
    ['first', 'second']
    """
    return pd.concat([table.assign(run=name) for name, table in tables.items()], ignore_index=True)


def run_overview(runs: Mapping[str, Run]) -> pd.DataFrame:
    """What was recorded in several runs, one row for each run.

    Parameters
    ----------
    runs : mapping of str to Run
        The runs by the names that the table shows.

    Returns
    -------
    pandas.DataFrame
        Columns ``run``, ``model``, ``samples``, ``classes`` and ``layers`` (counts), ``epochs`` with activations (such
        as "11: 0 to 10"), and ``same_probe``, whether the probe is that of the first run.

    Raises
    ------
    ValueError
        If there is no run.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> tables.run_overview({"A": run, "B": run}).same_probe.tolist()
    [True, True]
    """
    check_runs(runs)
    first = next(iter(runs.values()))
    rows = []
    for name, run in runs.items():
        epochs = run.epochs
        rows.append(
            {
                "run": name,
                "model": run.manifest.model,
                "samples": run.manifest.samples,
                "classes": len(run.classes),
                "layers": len(run.layers),
                "epochs": f"{len(epochs)}: {epochs[0]} to {epochs[-1]}" if epochs else "none",
                "same_probe": run.manifest.probe_sha256 == first.manifest.probe_sha256,
            }
        )
    return pd.DataFrame(rows)


def check_runs(runs: Mapping[str, Run]) -> None:
    """Raise ValueError if there is no run."""
    if not runs:
        raise ValueError("runs: expected at least one run, got none")
