"""Projections of a layer onto a few dimensions, and the nearest samples of a sample in the space of a layer."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray, check_integer
from bitlens.estimators import nearest_neighbors
from bitlens.measures.finite import of_finite_layers
from bitlens.runs import Run, RunError

Method = Literal["pca", "tsne", "umap"]
_PACKAGES = {"tsne": "scikit-learn", "umap": "umap-learn"}


def projected_points(
    run: Run, layer: str, epoch: int, method: Method = "pca", components: int = 2, limit: int = 2000, seed: int = 0
) -> xr.Dataset:
    """Samples as points in a projection of all values of a layer onto a few dimensions.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer, of any shape.
    epoch : int
        A recorded epoch.
    method : {"pca", "tsne", "umap"}
        Principal components, t-SNE (van der Maaten and Hinton 2008), which needs scikit-learn, or UMAP (McInnes et al.
        2018), which needs umap-learn. Distances within t-SNE and UMAP have no unit.
    components : int
        Number of dimensions, at least 2.
    limit : int
        The largest number of samples; they are evenly spaced where there are more.
    seed : int
        Seed of t-SNE and UMAP.

    Returns
    -------
    xarray.Dataset
        ``activation`` [point, channel], the coordinates, in units of the activation for "pca"; ``sample`` [point]; the
        attribute ``explained`` of "pca" has the shares of the variance, 0 to 1.

    Raises
    ------
    RunError
        If there is no such layer or epoch.
    ValueError
        If a parameter is out of range, there are too few samples, or the activations contain NaN or infinity.
    ModuleNotFoundError
        If the package of the method is not installed.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import measures
    >>> points = measures.projected_points(bitlens.open_run("demo-run"), "fc1", epoch=1)
    >>> points.activation.shape, len(points.attrs["explained"])
    ((359, 2), 2)
    """
    if method not in ("pca", "tsne", "umap"):
        raise ValueError(f"method: expected 'pca', 'tsne' or 'umap', got {method!r}")
    number, most = check_integer(components, "components"), check_integer(limit, "limit")
    if number < 2:
        raise ValueError(f"components: expected at least 2, got {components}")
    found = run.layer(layer)
    samples = np.asarray(run.evenly_spaced_samples(min(most, run.manifest.samples)))
    values = _finite_values(run, found.name, epoch)[samples].astype(np.float64)
    if min(values.shape) < number or len(values) <= number:
        raise ValueError(
            f"components: expected less than {len(values)} samples and at most {values.shape[1]} values, got {number}"
        )
    attributes: dict[str, object] = {"layer": found.name, "epoch": epoch, "method": method}
    if method == "pca":
        positions, attributes["explained"] = _principal(values, number)
    else:
        positions = _neighbor_embedding(values, method, number, check_integer(seed, "seed"))
    data = {"activation": (["point", "channel"], positions), "sample": (["point"], samples)}
    return xr.Dataset(data, {"channel": np.arange(number)}, attributes)


def nearest_samples(run: Run, layer: str, epoch: int, sample: int, number: int = 8) -> xr.Dataset:
    """The samples that are nearest to a sample in the space of a layer.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer.
    epoch : int
        A recorded epoch.
    sample : int
        Number of the sample.
    number : int
        Number of neighbours; fewer if the probe has fewer samples.

    Returns
    -------
    xarray.Dataset
        ``sample`` [neighbor], ordered by (distance, number), and their Euclidean ``distance`` [neighbor] over all
        values of the layer, in units of the activation.

    Raises
    ------
    RunError
        If there is no such layer, epoch or sample.
    ValueError
        If `number` is less than 1, or the activations contain NaN or infinity.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import measures
    >>> neighbors = measures.nearest_samples(bitlens.open_run("demo-run"), "fc1", epoch=1, sample=7, number=3)
    >>> neighbors.sizes["neighbor"]
    3
    """
    found, most = run.layer(layer), check_integer(number, "number")
    if most < 1:
        raise ValueError(f"number: expected at least 1, got {number}")
    if not 0 <= check_integer(sample, "sample") < run.manifest.samples:
        raise RunError(f"sample: expected 0 to {run.manifest.samples - 1}, got {sample}")
    values = _finite_values(run, found.name, epoch)
    # The sample itself is among them, unless as many others that have its values come before it.
    distances, nearest = nearest_neighbors(values[[sample]], min(most + 1, len(values)), among=values)
    others = np.flatnonzero(nearest[0] != sample)[:most]
    data = {"sample": (["neighbor"], nearest[0, others]), "distance": (["neighbor"], distances[0, others])}
    return xr.Dataset(data, attrs={"layer": found.name, "epoch": epoch, "of": sample})


def _finite_values(run: Run, layer: str, epoch: int) -> NDArray:
    """All values of a layer, [sample, value]."""
    missing = np.empty((0, 0))
    (values,) = of_finite_layers(run, epoch, [layer], "the points", lambda _, found: found, missing)
    return values.reshape(len(values), -1)


def _principal(values: NDArray, number: int) -> tuple[NDArray, list[float]]:
    """The first principal components, with positive largest coordinates; and their shares of the variance.

    They come from the smaller of both Gram matrices: a singular value decomposition of maps takes a minute.
    """
    centered = values - values.mean(axis=0)
    wide = values.shape[1] > len(values)
    variances, vectors = np.linalg.eigh(centered @ centered.T if wide else centered.T @ centered)
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1][:, :number]
    positions = vectors * np.sqrt(variances[:number]) if wide else centered @ vectors
    signs = np.sign(positions[np.abs(positions).argmax(axis=0), np.arange(number)])
    total = float(variances.sum())
    shares = (variances[:number] / total if total else np.zeros(number)).tolist()
    return positions * np.where(signs, signs, 1.0), shares


def _neighbor_embedding(values: NDArray, method: str, number: int, seed: int) -> NDArray:
    try:
        if method == "tsne":
            from sklearn.manifold import TSNE

            perplexity, exact = min(30.0, (len(values) - 1) / 3), "exact" if number > 3 else "barnes_hut"
            reducer = TSNE(number, perplexity=perplexity, init="random", random_state=seed, method=exact)
        else:
            from umap import UMAP

            reducer = UMAP(n_components=number, n_neighbors=min(15, len(values) - 1), random_state=seed)
    except ModuleNotFoundError as error:
        package = _PACKAGES[method]
        message = f"method: {method!r} needs {package}: pip install {package}"
        raise ModuleNotFoundError(message, name=error.name) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # UMAP says that a seed prevents the use of several threads
        return np.asarray(reducer.fit_transform(values), dtype=np.float64)
