"""Operands that would end the process, or hang it, if they were not refused: each call runs in a separate process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bitlens import _core

ROOT = Path(__file__).parents[2]
WATCHDOG = 120  # seconds after which a process counts as hung

PROGRAM = """
import ctypes, math
import numpy as np
from bitlens import _core
from tests.support.fake_dlpack import Exporter
from tests.support.operands import call, f32, f64, i32, i64
def sizes(*values):
    return (ctypes.c_int64 * len(values))(*values)
try:
    {call}
except ValueError as error:
    print(error)
else:
    print("accepted")
"""

# NaN has no place in an order, so sorting it may read beyond the array.
NAN_DISTANCES = """call(
        "exact_neighbors", x=np.where(np.arange(3000)[:, None] % 7, 1.0, math.nan), bounds=f32(3000, 0),
        candidates=i32(3000, 0), counts=0 * i32(3000), limits=f32(3000), error_bounds=f64(3000),
        kth_estimates=f64(3000, 2), distances=f64(3000, 3), indices=i32(3000, 3), ties=np.zeros(3000, np.uint8))"""

# id: (call, message)
HOSTILE = {
    "samples without values": (
        'call("exact_neighbors", x=f64(5, 0))',
        "x: values of a sample: expected at least 1, got 0",
    ),
    "samples of NaN": (NAN_DISTANCES, "x: expected finite squared distances, got NaN or infinity"),
    "channels without edges": (
        'call("label_counts", edges=f64(2, 0), counts=i64(2, 3, 1))',
        "edges: of a channel: expected at least 1, got 0",
    ),
    "a row whose end overflows": ('call("keep_nearest", first_row=2**63 - 1)', "rows: panels beyond the last sample"),
    "a column whose end overflows": (
        'call("keep_nearest", first_column=2**63 - 1)',
        "columns: panels beyond the last sample, or before the first row",
    ),
    "lists without free places": ('call("keep_nearest", counts=70 * i32(5))', "counts: expected 0 to 6, got 70"),
    "matrices whose work overflows": (
        'call("gram_spectrum", matrices=np.broadcast_to(f64(2**22), (1, 2**22, 2**22)), spectra=f64(1, 2**22))',
        "matrices: rows: expected 1 to 1048576, got 4194304",
    ),
    "null data": (
        'call("neighbor_scales", distances=Exporter(f64(5, 3), data=None))',
        "distances: expected elements, got a null pointer",
    ),
    "null shape": (
        'call("neighbor_scales", distances=Exporter(f64(5, 3), shape=None))',
        "distances: expected a shape, got a null pointer",
    ),
    "negative size": (
        'call("neighbor_scales", distances=Exporter(f64(5, 3), shape=sizes(-5, 3)))',
        "distances: expected axes of 0 to 2^48 elements",
    ),
    "size beyond memory": (
        'call("neighbor_scales", distances=Exporter(f64(5, 3), shape=sizes(5, 2**60), strides=None))',
        "distances: expected axes of 0 to 2^48 elements",
    ),
    "elements beyond 64 bits": (
        'call("squared_distances", squares=Exporter(f64(1, 1, 1), shape=sizes(*[2**40] * 3), strides=None))',
        "squares: expected fewer elements",
    ),
    "elements that are not aligned": (
        'call("neighbor_scales", distances=Exporter(f64(5, 3), shape=sizes(5, 2), byte_offset=4))',
        "distances: expected aligned elements",
    ),
}


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WATCHDOG, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout.strip()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_operands_are_refused(name):
    call, message = HOSTILE[name]
    assert run(PROGRAM.format(call=call)) == message


def test_null_data_of_no_elements_is_accepted():
    arrays = {"distances": "f64(0, 3)", "scales": "f64(0)", "weights": "f64(0, 3)"}
    exporters = (f"{name}=Exporter({array}, data=None, strides=None)" for name, array in arrays.items())
    assert run(PROGRAM.format(call=f'call("neighbor_weights", {", ".join(exporters)})')) == "accepted"


SUBINTERPRETER = """
{before}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), '''
import importlib.util
spec = importlib.util.spec_from_file_location("bitlens._core", {path!r})
try:
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
except ImportError as error:
    print(error, flush=True)
else:
    print("imported", flush=True)
''')
"""


@pytest.mark.parametrize("before", ["", "import bitlens"], ids=["first import", "second import"])
def test_an_import_in_a_subinterpreter_raises(before):
    program = SUBINTERPRETER.format(before=before, path=_core.__file__)
    assert run(program) == "bitlens: expected the main interpreter, got a subinterpreter"
