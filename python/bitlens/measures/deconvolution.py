"""Projections of channels onto the input, for some samples of the probe, over a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bitlens.measures.base import Measure
from bitlens.measures.networks import (
    FORWARD,
    MODEL,
    check_forward,
    chosen_samples,
    network_at,
    probe_images,
    recorded_modules,
    require_one_input,
    run_on_images,
)
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run

if TYPE_CHECKING:
    import xarray as xr
    from torch import nn

    from bitlens.network.batches import Forward


@dataclass(frozen=True)
class LayerDeconvolutionParameters(Parameters):
    """Parameters of `layer_deconvolution`."""

    samples: tuple[int, ...] | None = parameter(
        None, "Numbers of samples of the probe. Default: one of each class; without labels, the first ten."
    )


class LayerDeconvolution(Measure[LayerDeconvolutionParameters]):
    """The projection of every channel of a layer onto the input, for some samples of the probe, by epoch.

    The network is run again, so the epochs are those whose weights the recorder stored
    (``Recorder(..., weights=...)``). See `deconvolve` (Zeiler and Fergus 2013).

    Returns
    -------
    xarray.Dataset
        By epoch: ``deconvolution`` [channel, sample, axes of the input], in units of the input.

    Raises
    ------
    RunError
        If no weights were stored, they do not fit the model, or there is no such layer or sample.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    >>> probe = torch.rand(6, 1, 8, 8), torch.arange(6) % 3
    >>> with bitlens.Recorder(model, "deconvolved", probe, weights=[0]) as recorder:
    ...     recorder.snapshot(0)
    >>> bitlens.layer_deconvolution(bitlens.open_run("deconvolved"), model, "1").deconvolution.shape
    (1, 2, 3, 1, 8, 8)
    """

    name = "layer_deconvolution"
    title = "layer deconvolution"
    rank = 120
    Parameters = LayerDeconvolutionParameters
    target_names = ("layer",)
    requires = frozenset({"weights"})
    arguments: ClassVar = {"model": MODEL, "forward": FORWARD}
    variables: ClassVar = (
        Variable("deconvolution", ("channel", "sample", "input_*"), "projection onto the input", "1"),
    )

    def check(self, run: Run, target: Target, parameters: LayerDeconvolutionParameters) -> None:
        super().check(run, target, parameters)
        require_one_input(run, self.name)
        recorded_modules(run, target)

    def resolve(
        self, run: Run, target: Target, parameters: LayerDeconvolutionParameters
    ) -> LayerDeconvolutionParameters:
        return replace(parameters, samples=chosen_samples(run, parameters.samples))

    def __call__(  # type: ignore[override]  # this measure needs the network
        self,
        run: Run,
        model: nn.Module,
        layer: str,
        samples: Sequence[int] | None = None,
        *,
        forward: Forward | None = None,
        epochs: Sequence[int] | None = None,
    ) -> xr.Dataset:
        from bitlens.network import deconvolve

        check_forward(run, forward)
        target, parameters = self.arguments_of(run, layer, samples=samples)
        recorded, samples = run.layer(target[0]), parameters.samples or ()
        images = probe_images(run, samples)

        def compute(epoch: int) -> Result:
            with network_at(run, model, epoch, forward) as network:
                projections = [
                    deconvolve(network, images, recorded.module, channel, forward=run_on_images(run, forward))
                    for channel in range(recorded.channels)
                ]
            maps = [projection.cpu().numpy() for projection in projections]
            return Result({"deconvolution": np.stack(maps)}, {"channel": np.arange(len(maps)), "sample": samples})

        return self._over_epochs(run, target, parameters, epochs, compute)


layer_deconvolution = LayerDeconvolution()
