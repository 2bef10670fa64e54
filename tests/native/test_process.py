"""Tests that need a process or much address space for themselves: imports, Ctrl-C, arrays beyond 2^31 elements."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import bitlens
from bitlens import _core, reference


def run_python(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_needs_numpy_alone():
    foreign = run_python(
        "import sys\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "import bitlens\n"
        "after = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(after - before - sys.stdlib_module_names))"
    )
    assert foreign.split() == ["bitlens", "numpy"]


def test_estimators_work_without_torch():
    entropy = run_python(
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import numpy as np, bitlens\n"
        "square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])\n"
        "assert bitlens.channel_mutual_information(square, square).shape == (2, 2)\n"
        "print(round(bitlens.inter_sample_entropy(square, k=2), 12))"
    )
    assert entropy.strip() == "3.0"


@pytest.mark.parametrize(
    ("value", "threads"),
    [("3", 3), (" 04 ", 4), ("2,1", 2), ("99999", 1024), ("0", None), ("-2", None), ("many", None)],
)
def test_the_environment_gives_the_number_of_threads(monkeypatch, value, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert int(run_python("import bitlens; print(bitlens.get_num_threads())")) == (threads or usable)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs an affinity")
def test_a_process_of_one_core_has_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import bitlens; "
    assert run_python(program + "print(bitlens.get_num_threads())").strip() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space, which the stacks of threads need")
def test_work_goes_on_if_no_thread_can_be_started():
    program = (
        "import resource, threading, numpy as np, bitlens\n"
        "x = np.random.default_rng(0).normal(size=(300, 20))\n"
        "expected = bitlens.nearest_neighbors(x, 5)\n"
        "bitlens.set_num_threads(1024)\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**25,) * 2)\n"
        "try:\n"
        "    threads = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(100)]\n"
        "    [thread.start() for thread in threads]\n"
        "except RuntimeError:\n"
        "    print('limited')\n"
        "found = bitlens.nearest_neighbors(x, 5)\n"
        "print(all((a == b).all() for a, b in zip(expected, found, strict=True)))"
    )
    assert run_python(program).split() == ["limited", "True"]


@pytest.mark.parametrize("call", ["intra_sample_entropy(maps)", "channel_mutual_information(maps[:200], maps[:200])"])
def test_a_program_ends_while_a_daemon_thread_is_in_a_kernel(call):
    run_python(
        "import threading, time, numpy as np, bitlens\n"
        "maps = np.random.default_rng(0).normal(size=(2000, 64, 8, 8)).astype(np.float32)\n"
        "def work():\n"
        f"    while True: bitlens.{call}\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.5)"
    )


WATCHDOG = 60  # seconds; each call below takes longer if an interrupt does not end it

# The second thread says that the kernel runs. With this switch interval it gets the GIL only when the main thread
# releases it, which a kernel does. The estimators release it also elsewhere, so it waits for the function that calls
# kernels.
LONG_KERNEL = """
import sys
import threading
import time
import numpy as np
import bitlens
from bitlens import _core
bitlens.set_num_threads({threads})
sys.setswitchinterval(1e6)
{setup}

main = threading.get_ident()
starts = threading.Event()

def report():
    starts.wait()
    while sys._current_frames()[main].f_code.co_name not in ("<module>", "call_kernel"):
        time.sleep(0.001)
    print("running", flush=True)

threading.Thread(target=report, daemon=True).start()
try:
    starts.set()
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
else:
    print("finished", flush=True)
"""

# Minutes of work each, on arrays whose rows share their memory. name: (setup, call)
LONG_CALLS = {
    "carry-save counters": (
        "codes = np.broadcast_to(np.zeros(4_000_000, np.uint8), (2000, 4_000_000))\n"
        "outputs = np.empty((2000, 2000)), np.empty(2000), np.empty(2000)",
        "_core.code_entropies(codes, codes, 32, *outputs, 0)",
    ),
    "scattered counts": (
        "codes = np.broadcast_to(np.zeros(4_000_000, np.uint8), (2000, 4_000_000))\n"
        "outputs = np.empty((2000, 2000)), np.empty(2000), np.empty(2000)",
        "_core.code_entropies(codes, codes, 256, *outputs, 0)",
    ),
    "codes": (
        "maps = np.broadcast_to(np.random.default_rng(0).random((3000, 1, 784), np.float32), (3000, 500, 784))\n"
        "codes, ranges, none = np.empty((500, 3000 * 2999 // 2), np.uint8), np.empty((500, 2)), np.empty((0, 0))",
        "_core.distance_codes(maps, 32, codes, ranges, none, 0)",
    ),
    "dot products": (
        "panels = np.broadcast_to(np.ones((4000, 48), np.float32), (700, 4000, 48))\n"
        "dots = np.lib.stride_tricks.as_strided(np.empty(33_600, np.float32), (33_600, 33_600), (0, 4))",
        "_core.dot_products(panels, panels, dots, 0)",
    ),
    "neighbours": (
        "x = np.random.default_rng(0).random((90_000, 784), np.float32)",
        "bitlens.nearest_neighbors(x, 1000)",
    ),
    "neighbours of equal distance": (
        "x = np.random.default_rng(0).integers(0, 2, (100_000, 12)).astype(np.float32)",
        "bitlens.nearest_neighbors(x, 40)",
    ),
    "neighbours among others": (
        "x = np.random.default_rng(0).random((50_000, 2000), np.float32)",
        "bitlens.nearest_neighbors(x[:40_000], 20, among=x)",
    ),
    "label counts": (
        "maps = np.broadcast_to(np.random.default_rng(0).random((1, 1, 10_000)), (4_000_000, 1, 10_000))\n"
        "edges, labels = np.linspace(0, 1, 29)[None], np.zeros(4_000_000, np.int64)",
        "_core.label_counts(maps, edges, labels, np.empty((1, 1, 30), np.int64))",
    ),
    "histograms": (
        "maps = np.broadcast_to(np.random.default_rng(0).random((1, 64, 10_000)), (1_000_000, 64, 10_000))\n"
        "counts = np.lib.stride_tricks.as_strided(np.empty((64, 32), np.int32), (1_000_000, 64, 32), (0, 128, 4))",
        "_core.value_histograms(maps, 0.0, 1.0, counts, 0)",
    ),
    "spectra": (
        "matrix = np.random.default_rng(0).normal(size=(600, 600))\n"
        "matrices = np.broadcast_to(matrix + matrix.T, (20_000, 600, 600))",
        "_core.gram_spectrum(matrices, np.empty((20_000, 600)), np.empty((0, 0)), 0)",
    ),
    "entropies of channel sets": (
        "points = np.random.default_rng(0).normal(size=(500, 3))\n"
        "squares = ((points[:, None] - points) ** 2).sum(axis=2)[None]\n"
        "sets = np.arange(200_001), np.zeros(200_000, np.int64), np.ones(200_000)",
        "_core.renyi_entropies(squares, *sets, 1.01, np.empty(200_000), np.empty(200_000), np.empty((0, 0)), 0)",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LONG_CALLS)
def test_ctrl_c_ends_a_long_kernel(name, threads):
    setup, call = LONG_CALLS[name]
    program = [sys.executable, "-c", LONG_KERNEL.format(threads=threads, setup=setup, call=call)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "running\n", process.stderr.read()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=WATCHDOG)[0] == "interrupted\n"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def far_rows() -> np.ndarray:
    """Two rows of eight float32 values, 2^31 + 7 elements apart; the pages between them are not touched."""
    stride = 2**31 + 7
    try:
        memory = np.empty(4 * (stride + 8), np.uint8).view(np.float32)
    except MemoryError:
        pytest.skip("no 8.6 GB of address space")
    rows = np.lib.stride_tricks.as_strided(memory, (2, 8), (4 * stride, 4))
    rows[:] = np.random.default_rng(0).normal(size=(2, 8))
    return rows


def test_estimators_of_rows_over_two_billion_elements_apart(far_rows):
    maps, near = far_rows.reshape(2, 2, 4), far_rows.copy().reshape(2, 2, 4)
    assert maps.strides[0] > 4 * 2**31
    np.testing.assert_array_equal(bitlens.intra_sample_entropy(maps), bitlens.intra_sample_entropy(near))
    np.testing.assert_array_equal(bitlens.distance_codes(maps), bitlens.distance_codes(near))


def test_kernels_on_rows_over_two_billion_elements_apart(far_rows):
    counts = np.empty((2, 2, 16), np.int32)
    _core.value_histograms(far_rows.reshape(2, 2, 4), -9.0, 9.0, counts, 0)
    expected = [np.histogram(values.astype(np.float64), 16, (-9.0, 9.0))[0] for values in far_rows.reshape(4, 4)]
    np.testing.assert_array_equal(counts.reshape(4, 16), expected)

    distances, indices, ties = np.empty((2, 1)), np.empty((2, 1), np.int32), np.empty(2, np.uint8)
    no_lists = (np.empty((2, 0), np.float32), np.empty((2, 0), np.int32), np.zeros(2, np.int32), np.ones(2, np.float32))
    kth_estimates = np.array([[0, np.inf]] * 2)
    _core.exact_neighbors(far_rows, *no_lists, 1.0, np.zeros(2), 1.0, kth_estimates, 1, distances, indices, ties, 0)
    expected_distances, expected_indices = reference.nearest_neighbors(far_rows, 1)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-14)
    np.testing.assert_array_equal(indices, expected_indices)
