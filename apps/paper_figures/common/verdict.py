"""The verdict on a claim of a paper, and the numbers that verdicts compare: deviations between seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

Outcome = bool | None
"""Whether something holds; None where the runs do not decide it."""
FEWEST_SEEDS = 3
"""With fewer seeds no verdict depends on a deviation between seeds: the runs do not decide."""
OUTCOMES = {True: "claim held", False: "claim did not hold", None: "claim is not decided by these runs"}
_HALVES = {True: "yes", False: "no", None: "not decided"}


@dataclass(frozen=True)
class Verdict:
    """What a paper claims, and whether it held here.

    Parameters
    ----------
    claim : str
        What the paper states.
    rule : str
        When the claim counts as held.
    numbers : str
        Paragraphs with what was measured here.
    held : dict of str to bool or None
        Whether the claim held, by what it is about; the name "" stands for a claim about one thing. None means that the
        runs do not decide it.
    """

    claim: str
    rule: str
    numbers: str
    held: dict[str, Outcome]

    @property
    def markdown(self) -> str:
        """Paragraphs for the page; the last one states the verdicts."""
        verdicts = (f"**{f'{about}: the' if about else 'The'} {OUTCOMES[held]}.**" for about, held in self.held.items())
        return "\n\n".join([f"Claim: {self.claim}", f"Rule: {self.rule}", self.numbers, " ".join(verdicts)])


class Difference(NamedTuple):
    """A difference of means over seeds, and the size up to which it may be chance."""

    mean: float
    allowed: float
    seeds: int

    @property
    def higher(self) -> Outcome:
        """Whether it is positive; None if it does not exceed what is allowed, or with fewer than three seeds."""
        return self.mean > 0 if self._decides else None

    @property
    def lower(self) -> Outcome:
        """Whether it is negative; None if it does not exceed what is allowed, or with fewer than three seeds."""
        return self.mean < 0 if self._decides else None

    def within(self, limit: float) -> Outcome:
        """Whether its size is at most a limit; None if that depends on the seeds, or if there are fewer than three."""
        if self.seeds < FEWEST_SEEDS or not abs(abs(self.mean) - limit) >= self.allowed:
            return None
        return abs(self.mean) <= limit

    @property
    def _decides(self) -> bool:
        return self.seeds >= FEWEST_SEEDS and abs(self.mean) > self.allowed


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """Return whether all statements hold: False if one does not, else None if one is not decided."""
    given = list(outcomes)
    return False if False in given else None if None in given else True


def most(outcomes: Iterable[Outcome]) -> Outcome:
    """Return whether more than half of the statements hold; None if that depends on those that are not decided."""
    given = list(outcomes)
    if given.count(True) > len(given) / 2:
        return True
    return None if given.count(True) + given.count(None) > len(given) / 2 else False


def halves(statements: dict[str, Outcome]) -> str:
    """Return which statements of a claim hold, such as "A grows: yes; B falls: not decided."."""
    return "; ".join(f"{statement}: {_HALVES[holds]}" for statement, holds in statements.items()) + "."


def between_seeds(values: pd.Series) -> float:
    """Return the standard deviation between seeds; 0 for one seed."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def difference_of_means(first: pd.Series, second: pd.Series) -> Difference:
    """Return the difference of the means over seeds; allowed is the sum of both deviations between seeds."""
    allowed = between_seeds(first) + between_seeds(second)
    return Difference(float(first.mean() - second.mean()), allowed, min(len(first), len(second)))


def difference_from(values: pd.Series, constant: float = 0.0) -> Difference:
    """Return the difference of the mean over seeds from a constant; allowed are two deviations between seeds."""
    return Difference(float(values.mean() - constant), 2 * between_seeds(values), len(values))


def mean_and_deviation(values: pd.Series, digits: int) -> str:
    """Return the mean over seeds ± the standard deviation between them."""
    return f"{values.mean():.{digits}f} ± {between_seeds(values):.{digits}f}"


def listed(values: pd.Series, form: str) -> str:
    """Return numbers in a format, with commas between them: ``listed(table.value, "+.3f")``."""
    return ", ".join(f"{value:{form}}" for value in values)
