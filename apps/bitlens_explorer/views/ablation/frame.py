"""What all figures of the ablation page share: the results that are shown, and what follows a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results.ablation import MEASURE
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui import figure_frame
from bitlens_explorer.views.ablation.captions import describe_settings


@dataclass(frozen=True)
class Shown:
    """Results of ablation at one epoch."""

    run: Run
    epoch: int
    parameters: Parameters
    results: xr.Dataset

    @property
    def scopes(self) -> list[str]:
        """The layers, and the whole network after them if there are several."""
        scopes: list[str] = self.results["scope"].values.tolist()
        return scopes

    def ranking(self, scope: str) -> Any:
        """The neurons of a scope from the lowest score on."""
        table = tables.neuron_ranking(self.results)
        return table[table["scope"] == scope].reset_index(drop=True)

    def chosen(self, query: Query) -> tuple[str, int, int]:
        """Scope and place of the query, by default the highest place of the last scope; and the number of places."""
        scope = query.scope or self.scopes[-1]
        number = len(self.ranking(scope))
        return scope, query.place or number, number


def below(
    run: Run,
    epoch: int,
    parameters: Parameters | None,
    caption: str,
    table: Any,
    figure: str,
    code: Sequence[str],
    *of: str,
) -> None:
    """What follows a figure; `of` names the part of the network that it shows."""
    file = file_name(run, "ablation", figure, *of, f"epoch{epoch}", ending="csv")
    settings = None if parameters is None else describe_settings(parameters)
    about = {"epoch": epoch, "figure": figure, "of": " ".join(of) or None, "settings": settings}
    figure_frame.below(run, caption, table, f"ablation {figure}", file, about, code)


def load_code(parameters: Parameters, epoch: int) -> list[str]:
    """The lines of Python that load the results of an epoch."""
    return [
        "from bitlens import tables",
        "",
        f"parameters = {parameters!r}",
        f'results = run.results.load("{MEASURE}", parameters, {epoch})',
    ]
