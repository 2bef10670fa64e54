"""Cases of the information of single neurons about the labels, and of cumulative ablation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bitlens
from bench import checks, data
from bench.data import NDArray
from bench.peers import neurons as peers
from bench.timing import OURS, Case, Contestant, HardwareBound, WrongResultError
from bitlens import EqualWidth, OneBit, reference

_EXACT = 1e-9
_SINGLE = 2e-3  # rounding in float32 moves a few values into the neighbouring bin
_CLASSES = 10
_ORDERS = ("ascending", "descending", "random")


def information_case(n: int, channels: int, side: int, bins: int) -> Case:
    """Return the case of mutual information with the label for every channel; every position of a map is counted."""
    quantizer = OneBit() if bins == 2 else EqualWidth(bins)

    def contestants() -> dict[str, Contestant]:
        maps = data.feature_maps(n, channels, side, 1)
        labels = np.arange(n) % _CLASSES
        flat = maps.reshape(n, channels, -1)

        def check(tolerance: float) -> Callable[[NDArray], str]:
            def check(found: NDArray) -> str:
                rows = checks.sampled_rows(len(found), 5)
                values = np.moveaxis(flat[:, rows], 1, -1).reshape(-1, len(rows))
                codes = np.array([peers.codes(column, bins) for column in values.T]).T
                expected = reference.neuron_information(codes, np.repeat(labels, side**2))[1]
                return checks.close(found[rows], expected, tolerance)

            return check

        def ours() -> NDArray:
            found = bitlens.neuron_information(maps, labels, quantizer, permutations=0)
            return np.asarray(found.mutual_information)

        def loop(label: str, function: Callable[..., Any], some: int, tolerance: float) -> Contestant:
            return Contestant(
                label,
                lambda: function(flat[:, :some], labels, bins),
                check(tolerance),
                lambda: function(flat[:50, :1], labels[:50], bins),
                scale=channels / some,
                note=f"{some} of {channels} channels",
            )

        return {
            OURS: Contestant("bitlens", ours, check(_EXACT)),
            "bincount": loop("np.bincount", peers.bincount_loop, channels, _EXACT),
            "scikit-learn": loop("scikit-learn", peers.sklearn_loop, min(channels, 10), _EXACT),
            "torch": loop("torch one-hot", peers.torch_one_hot, channels, _SINGLE),
        }

    title = f"`neuron_information`, {n} samples, {channels} channels of {side} x {side}, {bins} bins"
    sizes = {"n": n, "channels": channels, "side": side, "bins": bins}
    size = n * channels * side**2 * 4 / 1e9
    return Case(
        title, sizes, contestants, HardwareBound("one read of the array at the rate of copying", gigabytes=size)
    )


def ablation_case(images: int) -> Case:
    """Return the case of all ablation curves of an MLP 100-100.

    The curves are those of both layers and of the whole network, in ascending order, descending order and ten random
    orders.
    """

    def contestants() -> dict[str, Contestant]:
        import torch

        mnist = data.mnist()
        model = peers.trained_mlp(mnist.train_images, mnist.train_labels)
        inputs = torch.from_numpy(mnist.test_images[:images].reshape(images, -1))
        labels = torch.from_numpy(mnist.test_labels[:images].astype(np.int64))
        scopes = (["1"], ["3"], ["1", "3"])

        def together() -> list[NDArray]:
            with torch.no_grad():
                first = model[:2](inputs)
                hidden = {"1": first, "3": model[2:4](first)}
            scores = {
                name: bitlens.neuron_information(x, labels, permutations=0).mutual_information
                for name, x in hidden.items()
            }
            return [
                bitlens.cumulative_ablation(
                    model,
                    (inputs, labels),
                    scope,
                    {name: scores[name] for name in scope},
                    order,  # type: ignore[arg-type]
                ).accuracy
                for scope in scopes
                for order in _ORDERS
            ]

        def check(curves: list[NDArray]) -> str:
            whole = float((model(inputs).argmax(1) == labels).double().mean())
            starts = {float(value) for curve in curves for value in (curve[:, 0].max(), curve[:, 0].min())}
            if max(abs(start - whole) for start in starts) > 2 / images:
                raise WrongResultError(f"accuracy {starts} with all neurons, {whole} by the model")
            ends = [float(np.ptp(curve[:, -1])) for curve in curves]
            if max(ends) > 0:
                raise WrongResultError(f"with all neurons removed, accuracy differs by {max(ends)}")
            return f"accuracy {whole:.4f} with all neurons; {sum(curve.size for curve in curves)} ablations"

        one_by_one = peers.ablation_alone(model, inputs, labels, ["1", "3"])
        count = 12 * (101 + 101 + 201)
        return {
            OURS: Contestant("bitlens", together, check),
            "one-at-a-time": Contestant(
                "one ablation after the other",
                one_by_one,
                check,
                scale=count / peers.ABLATIONS,
                note=f"{peers.ABLATIONS} of {count} ablations, by forward hooks",
            ),
        }

    title = f"`cumulative_ablation`, all curves of an MLP 100-100, {images} MNIST images"
    return Case(title, {"images": images, "neurons": 200}, contestants, slow=True)


CASES = {
    "neurons": information_case(10000, 200, 1, 2),
    "neurons-maps": information_case(1000, 64, 28, 32),
    "ablation": ablation_case(10000),
}
