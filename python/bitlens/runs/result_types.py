"""What the result store takes and gives: arrays with named dimensions, for one epoch or for several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bitlens.arrays import NDArray


@dataclass(frozen=True)
class StoredArray:
    """An array with the names of its dimensions.

    Attributes
    ----------
    dims : tuple of str
        One name for each axis.
    values : array
        Truth values, integers, floats (16 to 64 bits) or texts.
    attributes : mapping of str to str
        Such as "long_name" and "units".
    texts : tuple of str
        All texts that the values may be, in any order. They make the header of a result independent of its values; it
        lists the texts that occur otherwise.
    """

    dims: tuple[str, ...]
    values: NDArray
    attributes: Mapping[str, str]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredResult:
    """The result of a measure at one epoch: its variables, and the coordinates that label their axes."""

    variables: Mapping[str, StoredArray]
    coordinates: Mapping[str, StoredArray]


@dataclass(frozen=True)
class StoredSeries:
    """Results of several epochs with equal coordinates, dimensions and types.

    Every variable has "epoch" as its first dimension; coordinates do not have it.
    """

    epochs: list[int]
    variables: Mapping[str, StoredArray]
    coordinates: Mapping[str, StoredArray]
