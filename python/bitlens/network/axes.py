"""Decides which axes of a layer's output are samples and channels, from how the forward pass computed it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bitlens.network.observed import FEW, FEWER, Observation, Observations
from bitlens.network.outputs import as_real_tensor
from bitlens.network.tracing import Channels, Places, Samples, Trace
from bitlens.runs import Layer


class AxesError(ValueError):
    """A tensor is not a layer's output for each sample."""


@dataclass(frozen=True)
class LayerAxes:
    """Where samples and channels are in the model's tensor."""

    sample: int
    folded: int
    """Number of positions that the axis of the samples holds for each sample."""
    channel: int
    how: str
    """How the axis of the channels was found."""
    certain: bool
    """Whether it was found, and not guessed."""

    @classmethod
    def of(cls, layer: Layer) -> LayerAxes:
        """The axes of a recorded layer."""
        return cls(layer.sample_axis, layer.folded, layer.channel_axis, layer.decided, certain=True)

    def as_recorded(self, tensor: Tensor) -> Tensor:
        """The tensor as [sample, channel, positions...]."""
        if tensor.ndim == 1:
            return tensor[:, None] if self.folded == 1 else tensor.reshape(-1, 1, self.folded)
        channel = self.channel + (self.channel < self.sample)  # when the axis of the samples has moved to the front
        tensor = tensor.movedim(self.sample, 0)
        if self.folded > 1:
            tensor = tensor.reshape(-1, self.folded, *tensor.shape[1:])
            channel += 1
        return tensor.movedim(channel, 1)


def axes_of_input(observed: Observations, given: int | None) -> LayerAxes:
    """The axes of the model's input, whose samples are on axis 0."""
    tensor = observed.inputs
    if given is not None:
        return LayerAxes(0, 1, _checked("input", given, tensor, 0), "given as channel_axis", certain=True)
    if tensor.ndim <= 2:
        return LayerAxes(0, 1, 1, "the only axis after the samples", certain=True)
    if observed.input_axis is not None:
        return LayerAxes(0, 1, observed.input_axis, "the first weights act on it", certain=True)
    # An image has fewer channels than lines. For other inputs, such as [sample, time, variable], the axis is unknown.
    is_image = tensor.ndim > 3 and tensor.shape[1] <= min(tensor.shape[2:])
    how = (
        "the convention of PyTorch for images"
        if is_image
        else "guessed: axis 1, because no weights act on one axis alone"
    )
    return LayerAxes(0, 1, 1, how, certain=is_image)


def axes_of_output(name: str, seen: Observation, input_axis: int, given: int | None) -> LayerAxes:
    """The axes of a module's output.

    Raises
    ------
    AxesError
        If the tensor has no axis that follows the number of samples, or is not a dense tensor of real numbers.
    ValueError
        If the axis that the user has given is not an axis, or that of the samples.
    """
    try:
        tensor, trace = as_real_tensor(seen.tensor), seen.trace
    except TypeError as error:
        raise AxesError(str(error)) from None
    sample, folded = _sample_axis(seen)
    if given is not None:
        return LayerAxes(sample, folded, _checked(name, given, tensor, sample), "given as channel_axis", certain=True)
    if tensor.ndim == 1:
        return LayerAxes(sample, folded, 1, "one value for each sample", certain=True)
    others = [axis for axis in range(tensor.ndim) if axis != sample]
    if not others:
        raise AxesError(f"its shape {tuple(tensor.shape)} has no axis after the samples")
    with_channels = _channel_axes(trace, input_axis, others)
    if len(with_channels) == 1 or (with_channels and len(others) == 1):
        axis, how = with_channels[0]
        return LayerAxes(sample, folded, axis, how, certain=True)
    if len(others) == 1:
        return LayerAxes(sample, folded, others[0], "the only axis after the samples", certain=True)
    singles = [axis for axis in others if tensor.shape[axis] == 1]
    if with_channels:
        times = [_last_weights(trace, axis) for axis, _ in with_channels]
        axis = with_channels[times.index(max(times))][0]
        several = times.count(max(times)) > 1
        how = "the first of several axes" if several else "the one of several on which weights acted last"
        return LayerAxes(sample, folded, axis, f"guessed: {how}", certain=False)
    if len(singles) == 1 and _only_channel_is_missing(trace, others):
        return LayerAxes(sample, folded, singles[0], "the axis of size 1", certain=True)
    return LayerAxes(sample, folded, others[0], "guessed: the first axis after the samples", certain=False)


def _sample_axis(seen: Observation) -> tuple[int, int]:
    """The axis that follows the number of samples, and how many positions it holds for each sample."""
    shape, fewer = tuple(seen.tensor.shape), seen.fewer
    if fewer is None or len(fewer) != len(shape):
        raise AxesError("it is called differently for other numbers of samples")
    following = [axis for axis, (a, b) in enumerate(zip(shape, fewer, strict=True)) if a != b]
    if len(following) != 1 or shape[following[0]] * FEWER != fewer[following[0]] * FEW:
        raise AxesError(f"no axis of its shape {shape} for {FEW} samples is the samples")
    (axis,) = following
    folded = shape[axis] // FEW
    if folded > 1:
        factors = seen.trace.axes[axis] if seen.trace is not None else ()
        if not factors or not isinstance(factors[0], Samples):
            raise AxesError(f"axis {axis} of its shape {shape} for {FEW} samples mixes samples in an unknown order")
    return axis, folded


def _channel_axes(trace: Trace | None, input_axis: int, others: list[int]) -> list[tuple[int, str]]:
    """The axes with channels that weights have made; if there are none, those with the channels of the input."""
    if trace is None:
        return []
    made = [(axis, f.how) for axis in others for f in trace.axes[axis] if isinstance(f, Channels)]
    passed_on = [
        (axis, "the channels of the input")
        for axis in others
        for factor in trace.axes[axis]
        if isinstance(factor, Places) and factor.axis == input_axis
    ]
    return list(dict(made or passed_on).items())


def _last_weights(trace: Trace | None, axis: int) -> int:
    """When weights acted on an axis for the last time."""
    factors = trace.axes[axis] if trace is not None else ()
    return max((factor.time for factor in factors if isinstance(factor, Channels)), default=0)


def _only_channel_is_missing(trace: Trace | None, others: list[int]) -> bool:
    """Whether the long axes are all places, so that the axis of size 1 is that of the only channel."""
    if trace is None:
        return False
    return all(trace.axes[axis] == () or isinstance(trace.axes[axis][0], Places) for axis in others)


def _checked(name: str, axis: int, tensor: Tensor, sample: int) -> int:
    ndim = max(tensor.ndim, 2)
    if not -ndim < axis < ndim or axis % ndim == sample:
        raise ValueError(
            f"channel_axis: expected 1 to {ndim - 1} for {name!r}, got {axis}; axis {sample} is the samples"
        )
    return axis % ndim
