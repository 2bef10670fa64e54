"""Cases of channel mutual information, from codes and from feature maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import bitlens
from bench import checks, data
from bench.data import NDArray
from bench.peers import channels as peers
from bench.timing import OURS, Case, Contestant, HardwareBound

BINS = 32
_EXACT = 1e-9
_SINGLE = 1e-3  # distances in float32 move some pairs of samples across a bin edge

Check = Callable[[NDArray], str]


def reference_check(a: NDArray, b: NDArray, tolerance: float = _EXACT) -> Check:
    """Return the check of a table of all pairs of channels; it compares some of the pairs."""
    pairs = peers.sampled_pairs(len(a), len(b), 8)

    def check(found: NDArray) -> str:
        expected = [checks.mutual_information(a[i], b[j], BINS) for i, j in pairs]
        return checks.close(found[pairs[:, 0], pairs[:, 1]], expected, tolerance)

    return check


def sampled(
    label: str, function: Callable[[NDArray, NDArray, NDArray], NDArray], a: NDArray, b: NDArray, count: int
) -> Contestant:
    """Return a contestant that loops over some pairs of channels; its time is scaled to all pairs."""
    pairs = peers.sampled_pairs(len(a), len(b), count)

    def check(found: NDArray) -> str:
        expected = [checks.mutual_information(a[i], b[j], BINS) for i, j in pairs[:8]]
        return checks.close(found[:8], expected, _EXACT)

    everything = len(a) * len(b)
    return Contestant(
        label,
        lambda: function(a, b, pairs),
        check,
        lambda: function(a[:, :99], b[:, :99], pairs[:1]),
        scale=everything / count,
        note=f"{count} of {everything} pairs of channels",
    )


def whole(label: str, function: Callable[[NDArray, NDArray], NDArray], a: NDArray, b: NDArray) -> Contestant:
    """Return a contestant that computes all pairs of channels."""
    return Contestant(label, lambda: function(a, b), reference_check(a, b), lambda: function(a[:, :4950], b[:, :4950]))


def one_hot(label: str, a: NDArray, b: NDArray, *, integers: bool) -> Contestant:
    """Return a contestant that counts some of the sample pairs for all pairs of channels, scaled to all sample pairs.

    It only counts; it does not compute the mutual information.
    """
    few = min(65536, a.shape[1])
    x, y = (np.ascontiguousarray(codes[:, :few]) for codes in (a, b))

    def check(found: NDArray) -> str:
        for i, j in peers.sampled_pairs(len(a), len(b), 8):
            np.testing.assert_array_equal(found[i, :, j], np.histogram2d(x[i], y[j], BINS, ((0, BINS), (0, BINS)))[0])
        return "counts exact"

    return Contestant(
        label,
        lambda: peers.one_hot_counts(x, y, BINS, integers=integers),
        check,
        lambda: peers.one_hot_counts(x[:, :64], y[:, :64], BINS, integers=integers),
        scale=a.shape[1] / few,
        note=f"only the counts, of {few} of {a.shape[1]} pairs of samples",
    )


def codes_given(channels: int, n: int, *, every_library: bool) -> Case:
    """Return the case of mutual information from given codes."""

    def contestants() -> dict[str, Contestant]:
        first, second = data.codes(n, 64, 1, BINS), data.codes(n, 64, 2, BINS)
        a, b = (np.tile(x, (channels // 64, 1)) for x in (first, second))
        fastest = {
            OURS: whole("bitlens", partial(bitlens.channel_mutual_information, codes=True), a, b),
            "numba": whole("numba", peers.numba_information, a, b),
        }
        if not every_library:
            return {**fastest, "bincount": sampled("np.bincount", peers.bincount_pairs, a, b, 512)}
        return {
            **fastest,
            "bincount": sampled("np.bincount", peers.bincount_pairs, a, b, 128),
            "histogram2d": sampled("np.histogram2d", peers.histogram2d_information, a, b, 8),
            "sklearn": sampled("scikit-learn", peers.sklearn_information, a, b, 8),
            "one-hot": one_hot("torch one-hot, float32", a, b, integers=False),
            "one-hot-int8": one_hot("torch one-hot, int8", a, b, integers=True),
        }

    title = f"`channel_mutual_information`, {channels} x {channels} channels, n = {n}, codes given"
    return Case(title, {"channels": channels, "n": n, "bins": BINS}, contestants)


def from_maps(channels: int, n: int, side: int) -> Case:
    """Return the case of mutual information from feature maps."""

    def contestants() -> dict[str, Contestant]:
        a, b = data.feature_maps(n, channels, side, 1), data.feature_maps(n, channels, side, 2)
        pairs = peers.all_pairs(channels, channels)

        def by(label: str, run: Callable[[NDArray, NDArray], NDArray], tolerance: float, note: str = "") -> Contestant:
            return Contestant(
                label, lambda: run(a, b), maps_check(a, b, tolerance), lambda: run(a[:20, :2], b[:20, :2]), note=note
            )

        def bincount(codes: Callable[[NDArray], NDArray], a: NDArray, b: NDArray) -> NDArray:
            chosen = pairs[(pairs[:, 0] < a.shape[1]) & (pairs[:, 1] < b.shape[1])]
            information = peers.bincount_information(codes(a), codes(b), chosen, BINS)
            return information.reshape(a.shape[1], b.shape[1])

        def scatter(a: NDArray, b: NDArray) -> NDArray:
            return peers.numba_information(peers.torch_codes(a), peers.torch_codes(b), BINS)

        single = "distances in float32"
        return {
            OURS: by("bitlens", bitlens.channel_mutual_information, _EXACT),
            "cdist-numba": by("torch.cdist + np.digitize + numba", scatter, _SINGLE, single),
            "cdist": by(
                "torch.cdist + np.digitize + np.bincount",
                lambda a, b: bincount(peers.torch_codes, a, b),
                _SINGLE,
                single,
            ),
            "pdist": by(
                "SciPy pdist + np.digitize + np.bincount", lambda a, b: bincount(peers.scipy_codes, a, b), _EXACT
            ),
        }

    width = side**2
    bound = HardwareBound(
        "the dot product of each pair of samples once, in every channel, in float32",
        gflop=2 * channels * n * (n - 1) * width / 1e9,
    )
    title = f"`channel_mutual_information`, {channels} x {channels} channels, n = {n}, from maps {side} x {side}"
    return Case(title, {"channels": channels, "n": n, "side": side, "bins": BINS}, contestants, bound)


def maps_check(a: NDArray, b: NDArray, tolerance: float) -> Check:
    """Return the check of a table of all pairs of channels; it compares some pairs, computed from the maps."""
    pairs = peers.sampled_pairs(a.shape[1], b.shape[1], 4)

    def check(found: NDArray) -> str:
        expected = []
        for i, j in pairs:
            one, other = (peers.scipy_codes(x)[0] for x in (a[:, [i]], b[:, [j]]))
            expected.append(checks.mutual_information(one, other, BINS))
        return checks.close(found[pairs[:, 0], pairs[:, 1]], expected, tolerance)

    return check


CASES = {
    "channels-64": codes_given(64, 1000, every_library=True),
    "channels-512": codes_given(512, 256, every_library=False),
    "channels-maps": from_maps(64, 1000, 14),
}
