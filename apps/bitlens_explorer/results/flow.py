"""Known results of the information-flow page, by the settings that its three measures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bitlens.measures import (
    information_plane,
    layer_decomposition,
    processing_inequalities,
    published_parameters,
)
from bitlens.runs import Run, RunError
from bitlens_explorer.results.known import AnyKnown, AnyMeasure, known_sets

MEASURES: tuple[AnyMeasure, ...] = (information_plane, processing_inequalities, layer_decomposition)
PUBLISHED = ("paper", "repitl", "tensor-kernel")
"""Names of published settings."""
ESTIMATOR = "renyi"
"""The estimator of the information plane that the shared settings belong to."""


@dataclass(frozen=True, eq=False)
class Group:
    """Results of one or several measures that agree in the shared settings."""

    settings: dict[str, Any]
    members: tuple[AnyKnown, ...] = ()

    def known(self, measure: AnyMeasure, *target: str) -> AnyKnown | None:
        """The results of a measure that are shown: the first of `known_sets`."""
        of_measure = (known for known in self.members if known.key.measure == measure.name)
        return next((known for known in of_measure if known.target == target), None)

    def wanted(self, measure: AnyMeasure) -> dict[str, Any]:
        """Parameters of a measure that has no results in this group; published settings may add some."""
        for name in PUBLISHED:
            try:
                published = published_parameters(measure, name)
            except RunError:  # these settings are not for this measure
                continue
            if all(self.settings.get(field, value) == value for field, value in published.items()):
                return self.settings | published
        return self.settings


def shared_names() -> list[str]:
    """Parameters that all measures of matrix-based information declare with one default."""
    first, *others = ({field.name: field.default for field in m.Parameters.fields()} for m in MEASURES)
    return [name for name, default in first.items() if all(other.get(name, other) == default for other in others)]


def matrix_groups(run: Run) -> list[Group]:
    """The groups of results; at least one, which may have no results.

    Those with an information plane are first, and among these, those whose settings are nearest to the defaults.
    """
    members = [known for measure in MEASURES for known in known_sets(run, measure) if _is_matrix_based(known)]
    names = shared_names()
    groups: list[tuple[dict[str, Any], list[AnyKnown]]] = []
    for known in members:
        settings = {name: getattr(known.parameters, name) for name in names}
        group = next((group for group in groups if group[0] == settings), None)
        if group is None:
            groups.append((settings, [known]))
        else:
            group[1].append(known)
    defaults = {field.name: field.default for field in information_plane.Parameters.fields() if field.name in names}
    made = [Group(settings, tuple(of_group)) for settings, of_group in groups] or [Group(defaults)]
    distances = {group: sum(group.settings[name] != defaults[name] for name in names) for group in made}
    return sorted(made, key=lambda group: (group.known(information_plane) is None, distances[group]))


def plane(run: Run, estimator: str, group: Group) -> AnyKnown | None:
    """The information plane of an estimator; only the matrix-based one depends on the shared settings."""
    if estimator == ESTIMATOR:
        return group.known(information_plane)
    sets = known_sets(run, information_plane)
    return next((known for known in sets if known.parameters.estimator == estimator), None)


def shown_plane(run: Run, estimator: str | None, group: Group, estimators: Sequence[str]) -> str:
    """The estimator that an address names; without one, the first of `estimators` that was measured."""
    measured = (name for name in estimators if plane(run, name, group) is not None)
    return estimator or next(measured, estimators[0])


def decompositions(run: Run, group: Group) -> dict[str, AnyKnown]:
    """Decompositions by layer, in the order of the network."""
    by_layer = {layer.name: group.known(layer_decomposition, layer.name) for layer in run.layers}
    return {name: known for name, known in by_layer.items() if known is not None}


def find_group(groups: Sequence[Group], address: str | None) -> Group | None:
    """The group that contains the results of an address."""
    return next((group for group in groups if any(known.id == address for known in group.members)), None)


def _is_matrix_based(known: AnyKnown) -> bool:
    return known.key.measure != information_plane.name or known.parameters.estimator == ESTIMATOR
