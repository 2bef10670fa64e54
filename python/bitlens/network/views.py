"""Views of a layer: what counts as a sample, a channel and a position, and which of them are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bitlens.arrays import NDArray, describe
from bitlens.runs import Layer

Selection = Sequence[int] | slice
TOKENS = "tokens as samples"
"""The text of a view whose samples are tokens."""


@dataclass(frozen=True)
class View:
    """What of a layer's output, [sample, channel, position...], is recorded.

    Parameters
    ----------
    tokens_as_samples : bool
        Whether every token, time step or pixel is a sample. It holds for all layers of a run or for none. Layers with
        another number of positions than the others are not recorded.
    heads : int, optional
        Number of attention heads in the channels. Every head becomes a channel, and its values are positions.
    channels : sequence of int or slice, optional
        The channels to record, after `heads`. Default: all.
    positions : sequence of int or slice, optional
        The positions to record along their first axis, such as the class token: ``positions=[0]``. Default: all.

    Examples
    --------
    >>> import torch, bitlens
    >>> bitlens.View(heads=3, positions=[0]).apply(torch.zeros(20, 24, 7)).shape
    torch.Size([20, 3, 8, 1])
    """

    tokens_as_samples: bool = False
    heads: int | None = None
    channels: Selection | None = None
    positions: Selection | None = None

    def apply(self, values: Tensor) -> Tensor:
        """The view of values [sample, channel, position...], except for what counts as a sample."""
        if self.heads is not None:
            if self.heads < 1 or values.shape[1] % self.heads:
                raise ValueError(f"views: expected heads that divide {values.shape[1]} channels, got {self.heads}")
            values = values.reshape(values.shape[0], self.heads, -1, *values.shape[2:])
        if self.positions is not None:
            axis = 3 if self.heads is not None else 2
            if values.ndim <= axis:
                raise ValueError("views: expected a layer with positions, got one value for each channel")
            values = _selected(values, axis, self.positions, "positions")
        if self.channels is not None:
            values = _selected(values, 1, self.channels, "channels")
        return values

    def of(self, layer: Layer) -> Layer:
        """The description of a layer that is recorded through the view."""
        shape = tuple(self.apply(torch.empty(1, *layer.shape, device="meta")).shape[1:])
        field = None if self.heads or self.positions is not None or self.tokens_as_samples else layer.receptive_field
        return replace(layer, shape=shape, receptive_field=field, view=str(self))

    def __str__(self) -> str:
        parts = [TOKENS] if self.tokens_as_samples else []
        parts += [f"{self.heads} heads as channels"] if self.heads is not None else []
        parts += [f"channels {_text(self.channels)}"] if self.channels is not None else []
        parts += [f"positions {_text(self.positions)}"] if self.positions is not None else []
        return ", ".join(parts)


def check_views(views: Any) -> dict[str, View]:
    """The views by patterns of module names, after checking them; one view is that of all layers."""
    by_pattern = {"*": views} if isinstance(views, View) else dict(views or {})
    for pattern, view in by_pattern.items():
        if not isinstance(view, View):
            raise TypeError(f"views: expected a bitlens.View for {pattern!r}, got {describe(view)}")
    return by_pattern


def view_of(name: str, views: Mapping[str, View]) -> View:
    """The view of a layer: the first whose pattern matches its name; else everything."""
    return next((view for pattern, view in views.items() if fnmatchcase(name, pattern)), View())


class Tokens:
    """The tokens of a probe that are samples.

    Parameters
    ----------
    kept : bool Tensor of shape (n, positions)
        Which tokens are samples; the others are padding.
    """

    def __init__(self, kept: Tensor) -> None:
        self._kept = kept
        self._starts = np.concatenate([[0], kept.sum(1).cumsum(0).numpy()])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def prompts(self) -> NDArray:
        """The sample of the probe to which each token belongs, int64 [token]."""
        prompts: NDArray = self._kept.nonzero()[:, 0].numpy()
        return prompts

    def texts(self, by_position: Sequence[Sequence[str]]) -> list[str]:
        """The texts of the tokens among those of all positions of each sample."""
        return [by_position[sample][position] for sample, position in self._kept.nonzero().tolist()]

    @property
    def positions(self) -> int:
        """The number of positions, with padding."""
        return self._kept.shape[1]

    def start(self, sample: int) -> int:
        """Number of the first token of a sample of the probe."""
        return int(self._starts[sample])

    def of(self, values: Tensor, first: int = 0) -> Tensor:
        """The tokens [token, channel] among values [sample, channel, position...] of the samples from `first` on."""
        by_token = values.flatten(2).movedim(2, 1)
        return by_token[self._kept[first : first + len(values)].to(values.device)]


def _selected(values: Tensor, axis: int, selection: Selection, name: str) -> Tensor:
    size = values.shape[axis]
    index = range(size)[selection] if isinstance(selection, slice) else list(selection)
    if not len(index) or not all(-size <= i < size for i in index):
        raise ValueError(f"views: expected {name} from 0 to {size - 1}, got {_text(selection)}")
    return values.index_select(axis, torch.tensor([i % size for i in index], device=values.device))


def _text(selection: Selection) -> str:
    if isinstance(selection, slice):
        return ":".join("" if part is None else str(part) for part in (selection.start, selection.stop, selection.step))
    return ", ".join(map(str, selection))
