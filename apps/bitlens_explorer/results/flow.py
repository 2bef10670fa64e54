"""Known results of the information-flow page: planes, chains and decompositions, by their settings."""

from __future__ import annotations

import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer.results.known import Parameters, known_parameters, over_epochs

PLANE, CHAINS, DECOMPOSITION = "information_plane", "processing_inequalities", "layer_decomposition"
_MATRIX = ("batch", "seed", "alpha", "bandwidth", "bandwidth_x", "saturating", "tensor")
_PLANES = {"renyi": {*_MATRIX, "permutations"}, "binning": {"bins"}, "kde": {"noise_variance"}}
_NEEDED = {
    PLANE: {"information", "layer"},
    CHAINS: {"forward", "forward_null_mean", "forward_null_std", "forward_rise", "forward_allowed", "layer"},
    DECOMPOSITION: {"redundancy_synergy_share", "weighted_nonredundant_share", "weighted_nonredundant"},
}


def matrix_settings(run: Run) -> dict[str, Parameters]:
    """Settings of matrix-based information, by their name in addresses; the default bandwidth of the library first."""
    sets = [*_plane_sets(run, "renyi"), *_chain_sets(run), *_decomposition_sets(run)]
    settings = [{name: parameters[name] for name in _MATRIX} for parameters in sets]
    settings.sort(key=lambda chosen: (chosen["bandwidth"] != repr(bitlens.Median()), matrix_name(chosen)))
    return {matrix_name(chosen): chosen for chosen in settings}


def matrix_name(settings: Parameters) -> str:
    """Such as 128.0.1.01.Median().Median().0.0: the values in the order of `matrix_settings`."""
    return ".".join(str(settings[name]) for name in _MATRIX)


def measured_planes(run: Run, settings: Parameters) -> list[str]:
    """Estimators that the information plane has been measured with."""
    return [name for name in _PLANES if _with(_plane_sets(run, name), settings)]


def plane(run: Run, estimator: str, settings: Parameters) -> xr.Dataset | None:
    """The information plane of all epochs that have it; its attributes are its parameters."""
    return _load_best(run, PLANE, _with(_plane_sets(run, estimator), settings))


def inequalities(run: Run, settings: Parameters) -> xr.Dataset | None:
    """The chains of information of all epochs that have them; their attributes are their parameters."""
    return _load_best(run, CHAINS, _with(_chain_sets(run), settings))


def decompositions(run: Run, settings: Parameters) -> dict[str, xr.Dataset]:
    """Decompositions by layer, in the order of the network; their attributes are their parameters."""
    sets = _with(_decomposition_sets(run), settings)
    of_layers = {layer.name: [p for p in sets if p["layer"] == layer.name] for layer in run.layers}
    results = {name: _load_best(run, DECOMPOSITION, layer_sets) for name, layer_sets in of_layers.items()}
    return {name: result for name, result in results.items() if result is not None}


def _plane_sets(run: Run, estimator: str) -> list[Parameters]:
    sets = known_parameters(run, PLANE, {"estimator", *_PLANES[estimator]})
    return [parameters for parameters in sets if parameters["estimator"] == estimator]


def _chain_sets(run: Run) -> list[Parameters]:
    return known_parameters(run, CHAINS, {*_MATRIX, "bandwidth_errors", "permutations"})


def _decomposition_sets(run: Run) -> list[Parameters]:
    return known_parameters(run, DECOMPOSITION, {*_MATRIX, "layer", "pairs", "permutations"})


def _with(sets: list[Parameters], settings: Parameters) -> list[Parameters]:
    """The sets that agree with the settings in all parameters that both have."""
    return [parameters for parameters in sets if settings.items() <= {**settings, **parameters}.items()]


def _load_best(run: Run, measure: str, sets: list[Parameters]) -> xr.Dataset | None:
    """Results with the parameters that have most epochs, then all pairs of channels, then most permutations.

    They are loaded as they are stored: a bandwidth is stored as the text of its rule, with which the library cannot be
    called.
    """

    def worth(parameters: Parameters) -> tuple[int, bool, float]:
        epochs = len(run.results.epochs(measure, parameters))
        return epochs, parameters.get("pairs") is None, parameters.get("permutations", 0)

    if not sets:
        return None
    best = max(sets, key=worth)
    return over_epochs(run, measure, best, lambda epochs: _load(run, measure, best, epochs))


def _load(run: Run, measure: str, parameters: Parameters, epochs: list[int]) -> xr.Dataset:
    parts = [run.results.load(measure, parameters, epoch) for epoch in epochs]
    layers = {layer.name for layer in run.layers}
    for epoch, part in zip(epochs, parts, strict=True):
        if not _NEEDED[measure] <= part.variables.keys() or (
            "layer" in part.coords and not layers.issuperset(part.layer.values.tolist())
        ):
            raise RunError(f"the result of {measure} at epoch {epoch} in {run.path} does not fit this run; remove it")
    try:
        joined = xr.concat(parts, dim="epoch", combine_attrs="override").assign_coords(epoch=epochs)
    except ValueError as error:
        raise RunError(f"the results of {measure} in {run.path} do not fit together: {error}") from None
    return joined.drop_attrs().assign_attrs(parameters)
