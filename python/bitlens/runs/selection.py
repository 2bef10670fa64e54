"""Slices of the cube dCNN(X, L, C, T): a choice of samples, layers, channels and epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from bitlens.arrays import NDArray, check_integer
from bitlens.runs.layout import RunError

if TYPE_CHECKING:
    from bitlens.runs.reader import Run

_ESTIMATORS = "bitlens.measures.slices"

T = TypeVar("T")
Choice: TypeAlias = T | Sequence[T] | slice | None


@dataclass(frozen=True)
class Axis:
    """The choice along one axis, and whether it is a single value, whose axis is dropped."""

    values: tuple[Any, ...]
    single: bool

    @classmethod
    def of(cls, choice: Any, options: Sequence[Any], name: str, find: Callable[[Any], Any]) -> Axis:
        """Resolve a choice among options: all, one, a list or a slice of them."""
        if choice is None:
            return cls(tuple(options), False)
        if isinstance(choice, (str, int)) or getattr(choice, "ndim", None) == 0:
            return cls((find(choice),), True)
        if isinstance(choice, slice):
            values = tuple(options[choice])
        elif isinstance(choice, np.ndarray) and choice.dtype == bool:
            if choice.shape != (len(options),):
                raise RunError(f"{name}: expected {len(options)} truth values, got shape {choice.shape}")
            values = tuple(option for option, chosen in zip(options, choice, strict=True) if chosen)
        elif isinstance(choice, Iterable):
            values = tuple(find(value) for value in choice)
        else:
            raise TypeError(f"{name}: expected a value, a list or a slice, got {choice!r}")
        if not values:
            raise RunError(f"{name}: {choice!r} chooses nothing")
        return cls(values, False)


class _Estimator:
    """A method of `Slice` whose function is in ``bitlens.measures.slices``.

    Storage needs no estimators: the module is looked up by its name, when the method is first used.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object | None, owner: type | None = None) -> Any:
        function = getattr(import_module(_ESTIMATORS), self._name)
        return function if instance is None else MethodType(function, instance)


@dataclass(frozen=True)
class Slice:
    """A part of a run; see `Run.slice`. Activations are read from disk only when they are needed."""

    run: Run
    samples: Axis
    layers: Axis
    channels: Axis | None
    epochs: Axis

    @classmethod
    def of(cls, run: Run, *, label: Any, sample: Any, layer: Any, channel: Any, epoch: Any) -> Slice:
        """Resolve the arguments of `Run.slice`."""
        layers = Axis.of(layer, [entry.name for entry in run.layers], "layer", lambda v: _layer_name(run, v))
        return cls(
            run,
            _samples(run, label, sample),
            layers,
            None if channel is None else _channels(run, layers, channel),
            _epochs(run, epoch),
        )

    def array(self) -> NDArray:
        """The activations: [epoch, sample, channel, ...] of one layer, without the axes of single values."""
        layer = self.one_layer("array()")
        by_epoch = np.stack([self._drop(self.read(layer, epoch)) for epoch in self.epochs.values])
        return np.asarray(by_epoch[self._first(self.epochs)])

    inter_sample_entropy = _Estimator()
    intra_sample_entropy = _Estimator()
    mutual_information = _Estimator()
    conditional_entropy = _Estimator()

    def one_layer(self, what: str) -> str:
        """The name of the slice's layer; an error that names `what` if it has several."""
        if len(self.layers.values) != 1:
            raise RunError(f"layer: {what} needs one layer, this slice has {len(self.layers.values)}; pass layer=")
        return str(self.layers.values[0])

    def read(self, layer: str, epoch: int) -> NDArray:
        """Activations [sample, channel, ...] of one layer and epoch, with the axes of single values."""
        values = self.run.activations(layer, epoch, channels=self.channels.values if self.channels else None)
        return values[list(self.samples.values)]

    def channel_axis(self, layer: str) -> Axis:
        """The slice's channels of a layer."""
        return self.channels or Axis(tuple(range(self.run.layer(layer).channels)), False)

    @staticmethod
    def _first(axis: Axis | None) -> Any:
        return 0 if axis is not None and axis.single else slice(None)

    def _drop(self, values: NDArray) -> NDArray:
        return np.asarray(values[:, self._first(self.channels)][self._first(self.samples)])


def _samples(run: Run, label: Any, sample: Any) -> Axis:
    chosen = Axis.of(
        sample, range(run.manifest.samples), "sample", lambda v: _number(v, run.manifest.samples, "sample")
    )
    if label is None:
        return chosen
    if run.labels is None:
        raise RunError(f"label: {run.path} was recorded without labels")
    classes = Axis.of(label, range(len(run.classes)), "label", lambda v: _class(run, v)).values
    of_class = set(np.flatnonzero(np.isin(run.labels, classes)).tolist())
    samples = tuple(s for s in chosen.values if s in of_class)
    if not samples:
        raise RunError(f"label: no chosen sample is of class {label!r}")
    return Axis(samples, chosen.single)


def _epochs(run: Run, epoch: Any) -> Axis:
    recorded = run.epochs
    if isinstance(epoch, slice):
        if epoch.step is not None:
            raise RunError(f"epoch: expected a slice without a step, got {epoch}; pass a list")
        low, high = epoch.start or 0, np.inf if epoch.stop is None else epoch.stop
        if low < 0 or high < 0:
            raise RunError(
                f"epoch: a slice takes epoch numbers from 0 on, got {epoch}; to choose the last epochs, pass a list"
            )
        return Axis.of([e for e in recorded if low <= e < high], recorded, "epoch", int)

    def find(value: int) -> int:
        if check_integer(value, "epoch") not in recorded:
            raise RunError(f"epoch: {value!r} is not recorded in {run.path}; recorded: {recorded}")
        return int(value)

    return Axis.of(epoch, recorded, "epoch", find)


def _channels(run: Run, layers: Axis, channel: Any) -> Axis:
    counts = {run.layer(name).channels for name in layers.values}
    fewest = min(counts)
    if len(counts) > 1 and (isinstance(channel, slice) or np.min(channel) < 0):
        raise RunError("channel: the layers differ in their number of channels; pass numbers from 0 on")
    return Axis.of(channel, range(fewest), "channel", lambda v: _number(v, fewest, "channel"))


def _layer_name(run: Run, value: str | int) -> str:
    if isinstance(value, str):
        return run.layer(value).name
    return run.layers[_number(value, len(run.layers), "layer")].name


def _class(run: Run, value: str | int) -> int:
    if isinstance(value, str):
        if value not in run.classes:
            raise RunError(f"label: no class {value!r}; there are {list(run.classes)}")
        return run.classes.index(value)
    return _number(value, len(run.classes), "label")


def _number(value: int, count: int, name: str) -> int:
    number = check_integer(value, name)
    if not -count <= number < count:
        raise RunError(f"{name}: expected 0 to {count - 1}, got {number}")
    return number % count
