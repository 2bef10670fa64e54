"""The recorded network itself, for measures that run it again: as it was at an epoch, up to a recorded layer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlens.arrays import describe
from bitlens.runs import Layer, Run, RunError
from bitlens.runs.layout import OUTPUT

# The other measures work without PyTorch, so it is imported only where a network is run.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from bitlens.network.batches import Batch, Forward

_COMPARED = 16
"""Number of samples of which the network's output is compared with the recorded one."""
FORWARD = (
    "callable, optional: The function of the model and a batch that the run was recorded with, because a run cannot "
    "store it. Default: the model is called with the batch."
)
MODEL = "torch.nn.Module: The recorded network; its present weights are neither used nor changed."


def recorded_modules(run: Run, names: Sequence[str] | None) -> list[Layer]:
    """The named layers, or all, that are whole outputs of modules, so that the network can be run up to them."""
    if run.manifest.input_kind == "tokens":
        raise RunError(
            f"run: expected whole samples to run the network with, got single tokens in {run.path}; record without "
            "tokens_as_samples"
        )
    whole = [layer for layer in run.layers if layer.module and not layer.view]
    named = whole if names is None else [run.layer(name) for name in names]
    layers = list({layer.name: layer for layer in named}.values())
    for layer in layers:
        if not layer.module:
            raise RunError(
                f"layers: {layer.name} was not recorded as the output of a module, so nothing can be run to it"
            )
        if layer.view:
            raise RunError(
                f"layers: {layer.name} was recorded as {layer.view}, not as the module returns it; leave it out"
            )
    if not layers:
        raise RunError("layers: none was recorded as the output of a module, so there is nothing to run")
    return layers


def check_forward(run: Run, forward: Forward | None) -> None:
    """Refuse a call without the function that the run was recorded with."""
    from bitlens.network import batches

    batches.check_forward(forward)
    if forward is None and run.manifest.forward:
        raise RunError(
            f"forward: expected the function that {run.path} was recorded with ({run.manifest.forward}), got None; "
            "pass forward="
        )


def require_one_input(run: Run, measure: str) -> None:
    """Refuse a run of several inputs, for measures of images."""
    if len(names := run.input_names) > 1:
        raise RunError(
            f"run: expected one input, the images of {measure}, got {len(names)} in {run.path} ({', '.join(names)}); "
            "record a module that is called with the images alone"
        )


def run_on_images(run: Run, forward: Forward | None) -> Forward | None:
    """The function that runs the network on a tensor of images, also where the probe has it in a tuple or a dict."""
    from bitlens.network import batches

    if run.manifest.input_kind not in ("tuple", "dict"):
        return forward
    (name,) = run.input_names

    def call(model: nn.Module, images: Tensor) -> Any:
        batch: Batch = (images,) if run.manifest.input_kind == "tuple" else {name: images}
        return batches.run(model, batch, forward)

    return call


def probe_inputs(run: Run) -> Batch:
    """All inputs of the probe as tensors."""
    import torch

    inputs = run.model_inputs
    if isinstance(inputs, dict):
        return {name: torch.from_numpy(array) for name, array in inputs.items()}
    return tuple(map(torch.from_numpy, inputs)) if isinstance(inputs, tuple) else torch.from_numpy(inputs)


@contextmanager
def network_at(run: Run, model: nn.Module, epoch: int, forward: Forward | None) -> Iterator[nn.Module]:
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
        _compare(run, network, epoch, forward)
        yield network


def _compare(run: Run, network: nn.Module, epoch: int, forward: Forward | None) -> None:
    """Warn if the network does not give the outputs that were recorded at the epoch."""
    import torch

    from bitlens.network import batches
    from bitlens.network.axes import LayerAxes
    from bitlens.network.outputs import first_tensor
    from bitlens.network.state import eval_mode

    output = run.layers[-1]
    if epoch not in run.epochs or output.name != OUTPUT or output.view or not run.has_inputs:
        return
    recorded = run.activations(OUTPUT, epoch)
    largest = float(np.abs(recorded[np.isfinite(recorded)]).max(initial=0))
    tolerance = largest * (1e-2 if recorded.dtype == np.float16 else 1e-3)
    # A few samples are enough, unless the output for a sample depends on all others.
    for count in (min(_COMPARED, len(recorded)), len(recorded)):
        inputs = batches.fitted(network, batches.part(probe_inputs(run), slice(count)))
        with eval_mode(network), torch.no_grad():
            found = first_tensor(batches.run(network, inputs, forward))
        if found is not None:
            values = LayerAxes.of(output).as_recorded(found).cpu().double().numpy()
            if values.shape == recorded[:count].shape and np.allclose(
                values, recorded[:count], rtol=0, atol=tolerance, equal_nan=True
            ):
                return
    warnings.warn(
        f"model: with the weights of epoch {epoch} its output is not the one that {run.path} has recorded; results are "
        "those of the model as it is now, so give the recorded network and its forward=",
        stacklevel=5,
    )


def chosen_samples(run: Run, samples: int | Sequence[int] | None) -> tuple[int, ...]:
    """Sample numbers: those that are given, or that many evenly spaced through the probe.

    Without either it is one sample of each class; of a run without labels the first ten.
    """
    if samples is None and run.labels is not None:
        return tuple(sorted({run.evenly_spaced_samples(1, label)[0] for label in np.unique(run.labels).tolist()}))
    if samples is None:
        return tuple(range(min(10, run.manifest.samples)))
    chosen = tuple(samples if isinstance(samples, Iterable) else run.evenly_spaced_samples(samples))
    if not chosen or not all(0 <= sample < run.manifest.samples for sample in chosen):
        raise RunError(f"samples: expected some of 0 to {run.manifest.samples - 1}, got {list(chosen)}")
    return chosen


def probe_images(run: Run, samples: Sequence[int]) -> Tensor:
    """Inputs of the probe as a tensor."""
    import torch

    return torch.from_numpy(np.array(run.inputs[list(samples)]))
