"""How diverse the samples are, at the input and in every layer (CNNSlicer's input diversity)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray
from bitlens.estimators import inter_sample_entropy
from bitlens.measures.epochs import bits, once, over_epochs
from bitlens.runs import Run
from bitlens.runs.layout import INPUT


def input_diversity(run: Run, k: int = 15) -> xr.Dataset:
    """Inter-sample entropy of the probe's inputs, whole and by class.

    H(dCNN(X, 0, -, 0)) of CNNSlicer (Shen and Shen 2021, section 5.1.2). It grows with the number of samples: compare it
    with ``bound``, log2(n (n - 1)).

    Parameters
    ----------
    run : Run
        A recorded run.
    k : int
        Number of neighbours. A class of k samples or fewer has NaN.

    Returns
    -------
    xarray.Dataset
        In bits: ``inter_sample_entropy`` and ``bound``, and by class ``class_inter_sample_entropy`` and ``class_bound``.

    Raises
    ------
    RunError
        If the probe has k samples or fewer.

    Examples
    --------
    >>> import bitlens
    >>> diversity = bitlens.input_diversity(bitlens.open_run("demo-run"), k=5)
    >>> bool(diversity.inter_sample_entropy < diversity.bound)
    True
    """

    def compute() -> xr.Dataset:
        inputs = run.inputs
        data = {
            "inter_sample_entropy": bits(inter_sample_entropy(inputs, k), [], "inter-sample entropy of the input"),
            "bound": bits(_bound(len(inputs)), [], "its upper bound, log2(n (n - 1))"),
        }
        if run.labels is None:
            return xr.Dataset(data)
        parts = [inputs[run.labels == label] for label in range(len(run.classes))]
        entropies = [inter_sample_entropy(part, k) if len(part) > k else np.nan for part in parts]
        bounds = [_bound(len(part)) for part in parts]
        data["class_inter_sample_entropy"] = bits(entropies, ["class"], "inter-sample entropy of the class")
        data["class_bound"] = bits(bounds, ["class"], "its upper bound, log2(n (n - 1))")
        return xr.Dataset(data, {"class": list(run.classes)})

    return once(run, "input_diversity", {"k": k}, compute)


def layer_diversity(run: Run, k: int = 15, epochs: Sequence[int] | None = None) -> xr.Dataset:
    """Inter-sample entropy of the probe in every layer, by epoch.

    H(dCNN(X, l, -, t)) of CNNSlicer (Shen and Shen 2021, section 4.3).

    Parameters
    ----------
    run : Run
        A recorded run.
    k : int
        Number of neighbours.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        ``inter_sample_entropy`` [epoch, layer] and ``bound``, in bits.

    Raises
    ------
    RunError
        If the probe has k samples or fewer, or activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.layer_diversity(bitlens.open_run("demo-run"), k=5).inter_sample_entropy.dims
    ('epoch', 'layer')
    """
    names = [layer.name for layer in run.layers]

    def compute(epoch: int) -> xr.Dataset:
        entropies = []
        for name in names:
            # The input's values are those of every epoch.
            values: NDArray | float = (
                float(input_diversity(run, k).inter_sample_entropy)
                if name == INPUT
                else inter_sample_entropy(run.activations(name, epoch), k)
            )
            entropies.append(values)
        return xr.Dataset(
            {
                "inter_sample_entropy": bits(entropies, ["layer"], "inter-sample entropy"),
                "bound": bits(_bound(run.manifest.samples), [], "its upper bound, log2(n (n - 1))"),
            },
            {"layer": names},
        )

    return over_epochs(run, "layer_diversity", {"k": k}, compute, epochs)


def _bound(n: int) -> float:
    return float(np.log2(n * (n - 1))) if n > 1 else 0.0
