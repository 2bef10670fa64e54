"""What the networks of all papers share: sequences of named layers, their first layers, and copies of their weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from paper_figures.common.training import State


def sequence(layers: Iterable[tuple[str, nn.Module]]) -> nn.Sequential:
    """A network of layers in a row, with a name for each."""
    return nn.Sequential(OrderedDict(layers))


def up_to(model: nn.Sequential, layer: str) -> nn.Sequential:
    """The network's first layers, up to and including the named one."""
    return sequence(list(model.named_children())[: _number(model, layer)])


def after(model: nn.Sequential, layer: str) -> nn.Sequential:
    """The network's last layers, from the one behind the named one on."""
    return sequence(list(model.named_children())[_number(model, layer) :])


def output_of(model: nn.Sequential, layer: str, images: Tensor) -> Tensor:
    """The output of a layer, without gradients."""
    with torch.no_grad():
        output: Tensor = up_to(model, layer)(images)
    return output


def weights_of(model: nn.Module) -> State:
    """Copies of weights and buffers under their usual names; a pruned weight is stored as the product with its mask."""
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for name in [name for name in state if name.endswith("_mask")]:
        stem = name.removesuffix("_mask")
        state[stem] = state.pop(f"{stem}_orig") * state.pop(name)
    return state


def _number(model: nn.Sequential, layer: str) -> int:
    return [name for name, _ in model.named_children()].index(layer) + 1
