"""Known results of the pixels page: what layers discard of each unit of the inputs."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from bitlens.runs import Run, RunError
from bitlens_explorer.results.known import Parameters, known_parameters, named_by_digest, over_epochs

MEASURE = "layer_discarding"
_PARAMETERS = ("layers", "samples", "alpha", "tau", "grid", "largest", "seed", "masks", "training")
_NEEDED = {"discarding", "constraint", "spread", "limited", "converged"}


def discarding_settings(run: Run) -> dict[str, Parameters]:
    """Parameters that discarding was measured with, by their name in addresses; those of most epochs first."""
    names = [layer.name for layer in run.layers]

    def fits(parameters: Parameters) -> bool:
        layers, samples = parameters["layers"], parameters["samples"]
        if not (isinstance(layers, list) and isinstance(samples, list) and layers and samples):
            return False
        return all(name in names for name in layers) and all(i in range(run.manifest.samples) for i in samples)

    sets = [parameters for parameters in known_parameters(run, MEASURE, _PARAMETERS) if fits(parameters)]
    return named_by_digest(run, MEASURE, sets)


def load_discarding(run: Run, parameters: Parameters, epoch: int) -> xr.Dataset:
    """Discarding at one epoch. Results of large images are large, so they are not cached."""
    results = run.results.load(MEASURE, parameters, epoch)
    sizes = {"layer": len(parameters["layers"]), "sample": len(parameters["samples"])}
    sizes |= {f"input_{i}": size for i, size in enumerate(run.inputs.shape[1:])}
    maps = [results[name] for name in ("discarding", "uncertainty") if name in results]
    if (
        not results.variables.keys() >= _NEEDED
        or any(values.dims != tuple(sizes) or values.sizes != sizes for values in maps)
        or any(results[name].values.tolist() != parameters[f"{name}s"] for name in ("layer", "sample"))
    ):
        raise RunError(f"the result of {MEASURE} at epoch {epoch} in {run.path} does not fit this run; remove it")
    return results.drop_duplicates(["layer", "sample"])


def discarding_over_epochs(
    run: Run, parameters: Parameters, summarize: Callable[[xr.Dataset], xr.Dataset]
) -> xr.Dataset | None:
    """A summary of discarding, of all epochs that have it. It is cached, so a run has one kind of summary."""

    def load(epochs: list[int]) -> xr.Dataset:
        parts = [summarize(load_discarding(run, parameters, epoch)) for epoch in epochs]
        return xr.concat(parts, dim="epoch", combine_attrs="drop").assign_coords(epoch=epochs)

    return over_epochs(run, MEASURE, parameters, load)
