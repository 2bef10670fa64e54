"""Named axes: an axis of a tensor is a product of factors, which a reshape joins and splits.

In shape (n * tokens, channels), axis 0 has the factors samples and tokens. If it is split again, both are back.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bitlens.arrays import NDArray

NOWHERE = np.iinfo(np.int64).max
"""The first line of an empty interval, whose end is 0, so that the minimum and the maximum of intervals unite them."""

Interval = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Factor:
    """A part of an axis. Splitting a factor gives parts that know their whole."""

    size: int
    whole: Factor | None = field(default=None, kw_only=True)
    position: int = field(default=0, kw_only=True)
    """0 for the slow part of the whole, 1 for the fast part."""


@dataclass(frozen=True, eq=False)
class Samples(Factor):
    """The samples of the batch."""


@dataclass(frozen=True, eq=False)
class Other(Factor):
    """Something else, such as the tokens after an operation that has no rule."""


@dataclass(frozen=True, eq=False)
class Channels(Factor):
    """What weights combine or scale."""

    how: str = ""
    """The operation that showed it."""
    time: int = field(default_factory=itertools.count().__next__)
    """Which weights acted later than others."""


@dataclass(frozen=True, eq=False)
class Places(Factor):
    """Places along an axis of the input: each depends on an interval [first, end) of its lines."""

    axis: int
    """The axis of the input."""
    first: NDArray
    end: NDArray

    @property
    def hull(self) -> Interval:
        """The interval that all places together depend on."""
        return int(self.first.min()), int(self.end.max())

    def taken(self, index: NDArray) -> Places:
        """The places of these numbers; of -1 none, such as the places that padding adds."""
        inside = index >= 0
        first, end = (np.where(inside, ends[index], fill) for ends, fill in ((self.first, NOWHERE), (self.end, 0)))
        return Places(len(index), self.axis, first, end)

    def widened(self) -> Places:
        """As many places, each of which depends on what all of them depended on."""
        first, end = self.hull
        return Places(self.size, self.axis, np.full(self.size, first), np.full(self.size, end))


Axis = tuple[Factor, ...]


@dataclass(frozen=True)
class Trace:
    """The axes of a tensor, and what all its values depend on."""

    axes: tuple[Axis, ...]
    reach: Mapping[int, Interval] = field(default_factory=dict)
    """For axes of the input: an interval of lines on which every value may depend."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(math.prod(factor.size for factor in axis) for axis in self.axes)

    def with_axis(self, axis: int, factors: Axis) -> Trace:
        """The trace with another axis at this number."""
        return replace(self, axes=(*self.axes[:axis], factors, *self.axes[axis + 1 :]))

    def losing(self, *axes: int) -> Trace:
        """Every value now depends on all places of these axes, which keep their places' numbers."""
        reach = united(self.reach, reach_of(factor for axis in axes for factor in self.axes[axis]))
        return replace(self, reach=reach)

    def without(self, axes: Sequence[int], keep: bool = False) -> Trace:
        """The trace after a reduction over some axes, which stay as axes of size 1 if `keep` is set."""
        lost = self.losing(*axes)
        kept = [() if i in axes else axis for i, axis in enumerate(self.axes) if keep or i not in axes]
        return replace(lost, axes=tuple(kept))

    def mixed(self, axes: Sequence[int]) -> Trace:
        """The trace after values along some axes were mixed, each with every other."""
        return replace(
            self,
            axes=tuple(
                tuple(f.widened() if isinstance(f, Places) else f for f in axis) if i in axes else axis
                for i, axis in enumerate(self.axes)
            ),
        )

    def taken(self, axis: int, index: NDArray) -> Trace:
        """The trace of the entries of these numbers along an axis; -1 stands for an entry that is new."""
        factors = self.axes[axis]
        if len(index) == self.shape[axis] and (index == np.arange(len(index))).all():
            return self
        if len(factors) != 1:
            return self.losing(axis).with_axis(axis, other(len(index)))
        (factor,) = factors
        if isinstance(factor, Places):
            return self.with_axis(axis, (factor.taken(index),))
        if isinstance(factor, Channels):
            return self.with_axis(axis, (Channels(len(index), factor.how, factor.time),))
        return self.with_axis(axis, other(len(index)))

    def reshaped(self, shape: Sequence[int]) -> Trace:
        """The trace after a reshape, which keeps the order of the values in memory."""
        waiting = [factor for axis in self.axes for factor in axis if factor.size > 1]
        axes: list[Axis] = []
        for size in shape:
            taken: list[Factor] = []
            left = size
            while left > 1 and waiting:
                factor = waiting.pop(0)
                if factor.size > left:
                    if factor.size % left:
                        return self._unknown(shape)
                    factor, rest = split(factor, left)
                    waiting.insert(0, rest)
                if left % factor.size:
                    return self._unknown(shape)
                left //= factor.size
                taken.append(factor)
            if left > 1:
                return self._unknown(shape)
            axes.append(joined(taken))
        return replace(self, axes=tuple(axes))

    def _unknown(self, shape: Sequence[int]) -> Trace:
        return replace(self.losing(*range(len(self.axes))), axes=tuple(other(size) for size in shape))


def other(size: int) -> Axis:
    """An axis of which nothing is known; an axis of size 1 has no factors."""
    return (Other(size),) if size > 1 else ()


def split(factor: Factor, size: int) -> tuple[Factor, Factor]:
    """A slow part of this size, and the fast rest."""
    sizes = (size, factor.size // size)
    if isinstance(factor, Places):
        table = factor.first.reshape(sizes), factor.end.reshape(sizes)
        parts: list[Factor] = [Places(sizes[i], factor.axis, table[0].min(1 - i), table[1].max(1 - i)) for i in (0, 1)]
    else:
        parts = [replace(factor, size=part, whole=None, position=0) for part in sizes]
    return replace(parts[0], whole=factor, position=0), replace(parts[1], whole=factor, position=1)


def joined(factors: Sequence[Factor]) -> Axis:
    """The factors of an axis, where adjacent parts that make up their whole are replaced by it."""
    stack: list[Factor] = []
    for factor in factors:
        stack.append(factor)
        while len(stack) > 1 and stack[-1].whole is not None and stack[-1].whole is stack[-2].whole:
            if (stack[-2].position, stack[-1].position) != (0, 1):
                break
            whole = stack.pop().whole
            assert whole is not None
            stack[-1] = whole
    return tuple(stack)


def reach_of(factors: Iterable[Factor]) -> dict[int, Interval]:
    """What all places among some factors depend on, by the axis of the input."""
    reach: dict[int, Interval] = {}
    for factor in factors:
        if isinstance(factor, Places):
            reach = united(reach, {factor.axis: factor.hull})
    return reach


def united(a: Mapping[int, Interval], b: Mapping[int, Interval]) -> dict[int, Interval]:
    """The smallest intervals that include those of both."""
    return {
        axis: (
            min(a.get(axis, (NOWHERE, 0))[0], b.get(axis, (NOWHERE, 0))[0]),
            max(a.get(axis, (NOWHERE, 0))[1], b.get(axis, (NOWHERE, 0))[1]),
        )
        for axis in {*a, *b}
    }
