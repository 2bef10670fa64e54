"""The recorded network itself, for measures that run it again: as it was at an epoch, up to a recorded layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from bitlens.arrays import describe
from bitlens.runs import Layer, Run, RunError

# The other measures work without PyTorch, so it is imported only where a network is run.
if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL = "torch.nn.Module: The recorded network; its present weights are neither used nor changed."


def recorded_modules(run: Run, names: Sequence[str] | None) -> list[Layer]:
    """The named layers, or all, that are outputs of modules, so that the network can be run up to them."""
    named = [layer for layer in run.layers if layer.module] if names is None else [run.layer(name) for name in names]
    layers = list({layer.name: layer for layer in named}.values())
    for layer in layers:
        if not layer.module:
            raise RunError(
                f"layers: {layer.name} was not recorded as the output of a module, so nothing can be run to it"
            )
    if not layers:
        raise RunError("layers: none was recorded as the output of a module, so there is nothing to run")
    return layers


@contextmanager
def network_at(run: Run, model: nn.Module, epoch: int) -> Iterator[nn.Module]:
    """The model with the weights of an epoch, inside the block; afterwards it has its own weights again."""
    import torch

    from bitlens.network.state import preserved, unwrapped

    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {describe(model)}")
    network = unwrapped(model)
    with preserved(network):
        weights = {name: torch.from_numpy(array) for name, array in run.weights(epoch).items()}
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise RunError(f"model: the weights of {run.path} at epoch {epoch} do not fit it: {error}") from None
        yield network


def chosen_samples(run: Run, samples: int | Sequence[int] | None) -> tuple[int, ...]:
    """Sample numbers: those that are given, or that many evenly spaced through the probe.

    Without either it is one sample of each class; of a run without labels the first ten.
    """
    if samples is None and run.labels is not None:
        return tuple(sorted({run.evenly_spaced_samples(1, label)[0] for label in np.unique(run.labels).tolist()}))
    if samples is None:
        return tuple(range(min(10, run.manifest.samples)))
    chosen = tuple(run.evenly_spaced_samples(samples)) if isinstance(samples, int) else tuple(samples)
    if not chosen or not all(0 <= sample < run.manifest.samples for sample in chosen):
        raise RunError(f"samples: expected some of 0 to {run.manifest.samples - 1}, got {list(chosen)}")
    return chosen


def probe_images(run: Run, samples: Sequence[int]) -> Tensor:
    """Inputs of the probe as a tensor."""
    import torch

    return torch.from_numpy(np.array(run.inputs[list(samples)]))
