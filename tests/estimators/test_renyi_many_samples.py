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

import bitlens
from bitlens import NearestNeighbors

N = 1100


def normal(n, *shape, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, *shape))


X = normal(N, 2)
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
