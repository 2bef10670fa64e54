"""What a run has results of, read without Streamlit; what is left out is noted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import xarray as xr

from bitlens.measures import MEASURES, Known, Measure, titled
from bitlens.runs import Run, RunError


@dataclass(frozen=True)
class Stored:
    """Results of a measure with the parameters that they were computed with."""

    known: Known[Any]
    results: xr.Dataset


class StoredResults:
    """The results of a run.

    Parameters
    ----------
    run : Run
        An open run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.notes: dict[str, None] = {}
        """Sentences about results that are left out, each once."""
        self.drawn: set[str] = set()
        """Ids of the results that were loaded."""
        self._layers = {layer.name for layer in run.layers}
        if old := run.results.old_results():
            self.notes[old] = None
        with self._noting():
            self._known = {measure: self._fitting(measure) for measure in MEASURES.values()}
        self.notes |= dict.fromkeys(text for measure in MEASURES.values() for text in measure.ignored(run))

    def all(self) -> list[tuple[Measure[Any], Known[Any]]]:
        """Everything that was measured, by measure."""
        return [(measure, known) for measure, sets in self._known.items() for known in sets]

    def targets(self, measure: Measure[Any]) -> list[tuple[str, ...]]:
        """The targets that a measure has results of, in the order of the network."""
        places = {layer.name: i for i, layer in enumerate(self.run.layers)}
        found = dict.fromkeys(known.target for known in self._known[measure])
        return sorted(found, key=lambda target: [places[name] for name in target])

    def first(self, measure: Measure[Any], *target: str, **settings: object) -> Stored | None:
        """Results with these settings, those with the default parameters first; None if there are none."""
        for known in self._known[measure]:
            values = vars(known.parameters)
            if known.target != target or any(values[name] != value for name, value in settings.items()):
                continue
            with self._noting():
                results = measure.load(self.run, known)
            present = 0 if results is None else results.sizes.get("epoch", 1)
            if present < len(known.epochs):
                what = titled(measure, known.target)
                self.notes[f"{what}: results of {len(known.epochs) - present} epochs are damaged and left out"] = None
            if results is not None:
                self.drawn.add(known.id)
                return Stored(known, results)
        return None

    def _fitting(self, measure: Measure[Any]) -> list[Known[Any]]:
        """Results that name layers of this run and parameters that it can have."""
        fitting = []
        for known in measure.known(self.run):
            try:
                if not self._layers.issuperset(known.target):
                    raise RunError("another layer")
                measure.resolve(self.run, known.target, known.parameters)
            except RunError:
                self.notes[f"{titled(measure, known.target)} does not fit this run and is left out"] = None
            else:
                fitting.append(known)
        return fitting

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        self.notes |= dict.fromkeys(str(warning.message) for warning in caught)
