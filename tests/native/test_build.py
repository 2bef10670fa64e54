"""Builds as a user gets them: the wheel without CUDA, its contents, and its errors for CUDA arrays."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# An array that claims to be on a CUDA device. The call must be refused before its memory is read.
CUDA_ARRAY = """
import ctypes

class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                ("byte_offset", ctypes.c_uint64)]

class Managed(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p),
                ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", Tensor)]

ctypes.pythonapi.PyCapsule_New.restype = ctypes.py_object
ctypes.pythonapi.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

class OnCuda:
    def __init__(self, code, bits):
        self.shape = (ctypes.c_int64 * 3)(1, 1, 4)
        self.managed = Managed(1, 0, None, None, 0, Tensor(
            0x1000, 2, 0, 3, code, bits, 1, ctypes.addressof(self.shape), None, 0))

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, *, stream, max_version):
        assert stream == -1
        return ctypes.pythonapi.PyCapsule_New(ctypes.addressof(self.managed), b"dltensor_versioned", None)
"""


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    options = {"SKBUILD_BUILD_DIR": str(folder / "build"), "BITLENS_WARNINGS_AS_ERRORS": "ON", **environment}
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **options}, check=False)


@pytest.fixture(scope="module")
def without_cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel of a build without CUDA is unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    built = build(folder, BITLENS_CUDA="OFF")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.skipif(not shutil.which("nm"), reason="nm, which lists the symbols of an object file, is missing")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="one instruction set")
@pytest.mark.parametrize("level", ["avx2", "avx512"])
def test_code_for_one_instruction_set_is_not_shared(level: str, without_cuda: Path) -> None:
    """The linker keeps any one copy of a weak symbol, which machines of all instruction sets then run."""
    compiled = sorted((without_cuda.parent / "build").rglob(f"simd_{level}.dir/**/*.o"))
    sources = sorted((ROOT / "csrc" / "cpu" / "simd").glob("*.cpp"))
    assert [path.name for path in compiled] == [f"{path.name}.o" for path in sources if path.name != "isa_dispatch.cpp"]
    for path in compiled:
        listed = subprocess.check_output(["nm", "--defined-only", "--format=posix", str(path)], text=True)
        symbols = [line.split()[:2] for line in listed.splitlines()]
        assert any(kind in "BDR" for _, kind in symbols)  # the constant with the pointers to its loops
        assert not [name for name, kind in symbols if kind in "uVvWw"]


def run(code: str, path: Path | None) -> subprocess.CompletedProcess[str]:
    # -S: an editable install of the same package would come first.
    numpy_folder = subprocess.check_output(
        [sys.executable, "-c", "import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])"], text=True
    ).strip()
    if path is None:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), numpy_folder])}
    return subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment, check=False
    )


def test_the_wheel_has_types_and_the_explorer(without_cuda: Path) -> None:
    for name in ("bitlens/py.typed", "bitlens/_core.pyi", "bitlens_explorer/main.py"):
        assert (without_cuda / name).is_file(), name
    assert list((without_cuda / "bitlens_explorer").rglob("*.mjs"))
    assert not list(without_cuda.rglob("*.hpp"))


def test_a_build_without_cuda_works_and_says_so(without_cuda: Path) -> None:
    code = "import bitlens, numpy; print(bitlens.build_info()['cuda'] == '', bitlens.__file__); "
    code += "bitlens.inter_sample_entropy(numpy.random.rand(50, 3))"
    result = run(code, without_cuda)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"True {without_cuda}")


@pytest.mark.parametrize("built_with", ["without CUDA", "as installed"])
def test_cuda_arrays_without_a_gpu_are_refused_with_a_reason(built_with: str, without_cuda: Path) -> None:
    code = CUDA_ARRAY + "import bitlens._core as core\n"
    code += "core.value_histograms(OnCuda(2, 32), 0.0, 1.0, OnCuda(0, 32), 0)"
    installed = built_with == "as installed"
    if installed and "True" in run("import torch; print(torch.cuda.is_available())", None).stdout:
        pytest.skip("there is a GPU, which would read the array")
    result = run(code, None if installed else without_cuda)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    if installed and "built without CUDA" not in last:
        assert last.startswith("RuntimeError: value_histograms: ")  # the CUDA runtime's error of the launch
    else:
        assert last.startswith("RuntimeError: bitlens was built without CUDA: install it where nvcc is found")


def test_requested_cuda_must_be_found(tmp_path: Path) -> None:
    built = build(tmp_path, BITLENS_CUDA="ON", CUDACXX="/nonexistent/nvcc")
    assert built.returncode != 0
    assert "BITLENS_CUDA=ON, but CMake found no CUDA compiler" in built.stderr + built.stdout
