"""What all figures of the ablation page share: the results that are shown, and what follows a figure."""

from __future__ import annotations

from dataclasses import dataclass

from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui import figure_frame


@dataclass(frozen=True)
class Shown:
    """Results of ablation at one epoch."""

    run: Run
    epoch: int
    known: AnyKnown
    results: Traced

    @property
    def scopes(self) -> list[str]:
        """The layers, and the whole network after them if there are several."""
        scopes: list[str] = self.results.value["scope"].values.tolist()
        return scopes

    def ranking(self, scope: str) -> Traced:
        """The neurons of a scope from the lowest score on."""
        return call(tables.neuron_ranking, self.results).rows(scope=scope)

    def chosen(self, query: Query) -> tuple[str, int, int]:
        """Scope and place of the query, by default the highest place of the last scope; and the number of places."""
        scope = query.scope or self.scopes[-1]
        number = len(self.ranking(scope).value)
        return scope, query.place or number, number


def below(run: Run, epoch: int, known: AnyKnown | None, caption: str, table: Traced, figure: str, *of: str) -> None:
    """What follows a figure; `of` names the part of the network that it shows."""
    file = file_name(run, "ablation", figure, *of, f"epoch{epoch}", ending="csv")
    settings = None if known is None else described(known)
    about = {"epoch": epoch, "figure": figure, "of": " ".join(of) or None, "settings": settings}
    figure_frame.below(run, caption, table, f"ablation {figure}", file, about)
