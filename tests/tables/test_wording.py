"""How estimates and p-values are written, row by row."""

from __future__ import annotations

import math

import pytest

from bitlens import tables
from bitlens.estimators.verdicts import LOWER_BOUND, MEASURED, NOT_ABOVE_CHANCE, NOT_MEASURABLE, VERDICTS

NAN = math.nan
# (excess, standard error, verdict, text)
ESTIMATES = [
    (0.3124, 0.0213, "", "0.312 ± 0.021"),
    (0.3124, 0.0213, MEASURED, "0.312 ± 0.021"),
    (0.3124, NAN, MEASURED, "0.312 ± unknown"),
    (0.3124, 0.0213, LOWER_BOUND, "at least 0.312 ± 0.021"),
    (0.3124, NAN, LOWER_BOUND, "at least 0.312 ± unknown"),
    # The upper end of the interval of a small excess is the excess plus 1.5 t(15, 0.975) = 3.197 standard errors.
    (0.01, 0.01, NOT_ABOVE_CHANCE, "at most 0.042 (chance)"),
    (-0.01, 0.01, NOT_ABOVE_CHANCE, "at most 0.022 (chance)"),
    (-0.5, 0.01, NOT_ABOVE_CHANCE, "at most 0.000 (chance)"),
    (0.01, NAN, NOT_ABOVE_CHANCE, "chance"),
    (0.3124, 0.0213, NOT_MEASURABLE, "not measurable"),
    (NAN, NAN, NOT_MEASURABLE, "not measurable"),
    (NAN, NAN, "", ""),
    (NAN, NAN, MEASURED, ""),
    (0.0, 0.0, MEASURED, "0.000 ± 0.000"),
]


@pytest.mark.parametrize(("excess", "standard_error", "verdict", "text"), ESTIMATES)
def test_estimates(excess, standard_error, verdict, text):
    assert tables.estimate(excess, standard_error, verdict) == text


def test_every_verdict_has_a_row():
    assert {verdict for _, _, verdict, _ in ESTIMATES} == {"", *VERDICTS}


# (p-value, permutations, text)
P_VALUES = [
    (0.19, 20, "0.19"),
    (1.0, 20, "1"),
    (1 / 21, 20, "below 0.048 (20 permutations)"),
    (2 / 21, 20, "0.095"),
    (1 / 1001, 1000, "below 0.001 (1000 permutations)"),
    (1 / 3, 2, "below 0.33 (2 permutations)"),
    (float(f"{1 / 21:.16g}"), 20, "below 0.048 (20 permutations)"),
]


@pytest.mark.parametrize(("p", "permutations", "text"), P_VALUES)
def test_p_values(p, permutations, text):
    assert tables.p_value(p, permutations) == text
