"""Renyi entropies of many samples: refused arguments, memory and interrupts."""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import scipy.spatial

import bitlens
from bitlens import NearestNeighbors
from bitlens.arrays import ArrayContext
from bitlens.estimators.matrix.sample_tiles import Samples

N = 1100


def normal(n, *shape, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, *shape))


X = normal(N, 2)
HARD_FOR_A_MEDIAN = {
    "ties": np.random.default_rng(1).integers(0, 3, (N, 3)),
    "two places": np.repeat([[0.0], [1.0]], [N // 2, N - N // 2], axis=0),
    "nearly all equal": np.where(np.arange(N) < 3, np.arange(N), 5)[:, None],
    "two distances": np.where(np.arange(N) % 2, 1e-3, 1.0)[:, None] * np.eye(N)[:, :40],
    "an outlier": np.where(np.arange(N) == 7, 1e6, 1)[:, None] * normal(N, 3),
    "offset": normal(N, 3) + 1e7,
}
REFUSED = [
    (
        {"tolerance": 0},
        ValueError,
        "tolerance: expected a number of bits above 0, got 0; leave it out for",
    ),
    ({"tolerance": -1.0}, ValueError, "tolerance: expected a number of bits above 0, got -1.0; leave it out"),
    (
        {"tolerance": math.nan},
        ValueError,
        "tolerance: expected a number of bits above 0, got nan; leave it out",
    ),
    (
        {"tolerance": math.inf},
        ValueError,
        "tolerance: expected a number of bits above 0, got inf; leave it out",
    ),
    ({"tolerance": "0.1"}, TypeError, "tolerance: expected a number, got '0.1'"),
    ({"seed": -1}, ValueError, "seed: expected 0 or more, got -1"),
    ({"seed": 1.5}, TypeError, "seed: expected an integer, got 1.5"),
    ({"alpha": 0, "tolerance": 0.1}, ValueError, "alpha: expected a finite number above 0, got 0"),
    ({"bandwidth": -1.0, "tolerance": 0.1}, ValueError, "bandwidth: expected a finite number above 0, got -1.0"),
    (
        {"bandwidth": NearestNeighbors(N), "tolerance": 0.1},
        ValueError,
        "bandwidth: expected m from 1 to n - 1 = 1099",
    ),
    ({"bandwidth": 1e-200, "tolerance": 0.1}, ValueError, "bandwidth: expected a sigma within a factor of about 1e150"),
    (
        {"x": X[:, 0], "tolerance": 0.1},
        ValueError,
        "x: expected shape (samples, ...), got (1100,); a single",
    ),
    ({"x": X * np.nan, "tolerance": 0.1}, ValueError, "x: contains NaN or infinity; every value must be finite"),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refused_arguments(changed, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        bitlens.renyi_entropy(**{"x": X, **changed})


@pytest.mark.parametrize("alpha", [1.01, 2])
def test_different_samples_are_refused(alpha):
    with pytest.raises(ValueError, match=r"^y: expected the same samples in each, got 1100 and 1099$"):
        bitlens.renyi_mutual_information(X, X[1:], alpha, tolerance=0.1)
    with pytest.raises(ValueError, match=r"^variables: expected the same samples in each, got 1100 and 1099$"):
        bitlens.renyi_joint_entropy([X, X[1:]], alpha, tolerance=0.1)


# VmHWM is the peak memory of this process alone; ru_maxrss would start at the peak of the parent process.
PEAK = """
import re
import numpy as np
import bitlens
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
x = np.random.default_rng(0).normal(size=({n}, 50)).astype(np.float32)
bitlens.renyi_entropy(x[:2000], {alpha}, tolerance=0.05)
before = peak()
bitlens.renyi_entropy(x, {alpha}, tolerance=0.05)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak memory that Linux reports in /proc")
@pytest.mark.parametrize(("alpha", "n", "most"), [(2, 12000, 100e6), (1.01, 6000, 300e6)])
def test_memory(alpha, n, most):
    """The matrices of 12000 and of 6000 samples would take 1150 and 288 MB in float64, several times."""
    program = PEAK.format(alpha=alpha, n=n)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most


@pytest.mark.parametrize("alpha", [1.01, 2])
def test_an_interrupt_ends_a_long_computation(alpha):
    x = normal(30000, 200).astype(np.float32)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    start = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        bitlens.renyi_entropy(x, alpha, 10.0, tolerance=0.001)
    timer.join()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", HARD_FOR_A_MEDIAN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_median_distance(name, dtype):
    x = HARD_FOR_A_MEDIAN[name].astype(dtype)
    distances = scipy.spatial.distance.pdist(x.astype("float64"))
    expected = np.median(distances[distances > 0])
    assert Samples(x, ArrayContext()).median() == pytest.approx(expected, rel=1e-12)


def test_a_bracket_without_the_median_is_not_used():
    assert Samples(X, ArrayContext())._order_statistics(0.0, 1e-9, (1000, 1001)) is None
