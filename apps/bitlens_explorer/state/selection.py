"""The selected samples, which all pages share. The run stores them under a short name; the address has this name."""

from __future__ import annotations

from collections.abc import Sequence

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer.state.query import Query, change_query


def selection_exists(run: Run, name: str) -> bool:
    """Whether the run stores a selection under this name."""
    try:
        bitlens.load_selection(run, name)
    except RunError:
        return False
    return True


def selected_samples(run: Run, query: Query) -> list[int]:
    """Numbers of the selected samples; empty if nothing is selected."""
    return [] if query.selection is None else bitlens.load_selection(run, query.selection)


def select_samples(run: Run, samples: Sequence[int]) -> None:
    """Select samples; an empty sequence clears the selection.

    Raises
    ------
    OSError
        If the run cannot store the selection.
    """
    change_query(selection=bitlens.save_selection(run, samples) if samples else None)


def example_samples(run: Run, query: Query, limit: int) -> list[int]:
    """At most `limit` samples of the selection, or of the chosen classes, or of all.

    Raises
    ------
    RunError
        If no selected sample belongs to the chosen classes.
    """
    selected = selected_samples(run, query)
    if query.classes and run.labels is not None:
        selected = [sample for sample in selected if int(run.labels[sample]) in query.classes]
    if selected:
        return selected[:limit]
    if query.selection is not None:
        raise RunError("selection: no selected sample belongs to the chosen classes; choose other classes")
    return run.evenly_spaced_samples(limit, list(query.classes) or None)
