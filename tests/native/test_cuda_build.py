"""The CUDA compiler's report on every kernel: a kernel that does not fit the registers waits for memory instead."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NVCC = os.environ.get("CUDACXX") or shutil.which("nvcc")
ARCHITECTURES = ["75", "80", "90"]
MOST_REGISTERS = 128  # of a thread: two blocks of 256 threads fit on a multiprocessor

# The report of ptxas for one kernel on one architecture.
KERNEL = re.compile(
    r"Compiling entry function '(?P<name>\w+)' for 'sm_(?P<architecture>\d+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers",
    re.DOTALL,
)


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
@pytest.mark.parametrize("source", sorted((ROOT / "csrc" / "cuda").glob("*.cu")), ids=lambda path: path.stem)
def test_kernels_fit_the_registers(source: Path, tmp_path: Path) -> None:
    codes = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in ARCHITECTURES]
    output = ["-c", str(source), "-o", str(tmp_path / "kernels.o")]
    options = ["-std=c++20", "-O3", "--fmad=false", "-Xptxas=-v", f"-I{ROOT / 'csrc'}"]
    definition = '-DBITLENS_CUDA_ARCHITECTURES=""'
    command = [NVCC, *options, definition, *codes, *output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kernels = [match.groupdict() for match in KERNEL.finditer(done.stdout + done.stderr)]
    assert {kernel["architecture"] for kernel in kernels} == set(ARCHITECTURES)
    assert len(kernels) % len(ARCHITECTURES) == 0
    for kernel in kernels:
        assert [kernel[name] for name in ("stack", "stores", "loads")] == ["0", "0", "0"], kernel
        assert int(kernel["registers"]) <= MOST_REGISTERS, kernel
