"""The verdict on a claim of a paper, and the numbers that verdicts compare: deviations between seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd


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
    held : dict of str to bool
        Whether the claim held, by what it is about; the name "" stands for a claim about one thing.
    """

    claim: str
    rule: str
    numbers: str
    held: dict[str, bool]

    @property
    def markdown(self) -> str:
        """Paragraphs for the page; the last one states the verdicts."""
        verdicts = (
            f"**{f'{about}: the' if about else 'The'} claim {'held' if held else 'did not hold'}.**"
            for about, held in self.held.items()
        )
        return "\n\n".join([f"Claim: {self.claim}", f"Rule: {self.rule}", self.numbers, " ".join(verdicts)])


class Difference(NamedTuple):
    """A difference of means over seeds, and the size up to which it may be chance."""

    mean: float
    allowed: float

    @property
    def lower(self) -> bool:
        """Whether it is negative and larger than allowed."""
        return self.mean < -self.allowed

    @property
    def higher(self) -> bool:
        """Whether it is positive and larger than allowed."""
        return self.mean > self.allowed

    @property
    def apart(self) -> bool:
        """Whether it is larger than allowed, in any direction."""
        return self.lower or self.higher


def between_seeds(values: pd.Series) -> float:
    """Return the standard deviation between seeds; 0 for one seed."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def difference_of_means(first: pd.Series, second: pd.Series) -> Difference:
    """Return the difference of the means over seeds; allowed is the sum of both deviations between seeds."""
    return Difference(float(first.mean() - second.mean()), between_seeds(first) + between_seeds(second))


def mean_and_deviation(values: pd.Series, digits: int) -> str:
    """Return the mean over seeds ± the standard deviation between them."""
    return f"{values.mean():.{digits}f} ± {between_seeds(values):.{digits}f}"


def listed(values: pd.Series, form: str) -> str:
    """Return numbers in a format, with commas between them: ``listed(table.value, "+.3f")``."""
    return ", ".join(f"{value:{form}}" for value in values)
