"""What all tests share: options, real data, and the back-ends that operations are compared on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from bitlens.arrays import ArrayContext
from tests.support.cuda_tensors import CudaTensor, cuda_rules

# A suite that was started in the background may ignore SIGINT, and every process it starts then would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# `make sanitize` sets OMP_NUM_THREADS=1 for other libraries, which bitlens would honour as well.
if os.environ.get("BITLENS_SANITIZE"):
    bitlens.set_num_threads(2)

if find_spec("hypothesis"):  # a machine lent for its GPU may lack it
    import hypothesis

    hypothesis.settings.register_profile("bitlens", max_examples=50, deadline=None, print_blob=True)
    hypothesis.settings.load_profile("bitlens")


def pytest_addoption(parser):
    parser.addoption(
        "--require-cuda", action="store_true", help="fail, rather than skip, where a test finds no CUDA device"
    )


class Cpu:
    """Tensors in main memory."""

    def active(self) -> AbstractContextManager[object]:
        return nullcontext()

    def put(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array)


class Emulated:
    """Tensors that say cuda:0, for a build where the CPU emulates the CUDA back-end."""

    @contextmanager
    def active(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, cuda_rules():
            patch.setattr(ArrayContext, "device_guard", lambda context: nullcontext())
            patch.setattr(ArrayContext, "stream", 0)
            patch.setattr(ArrayContext, "multiprocessors", 2)
            yield

    def put(self, array: np.ndarray) -> torch.Tensor:
        return CudaTensor(torch.from_numpy(array))


class Cuda:
    """Tensors on a CUDA device, filled late and on this back-end's own stream.

    A kernel that is launched on any other stream meets zeros, and counts those.
    """

    def __init__(self, device: int = 0, *, side_stream: bool = False):
        self.device = torch.device("cuda", device)
        self.stream = torch.cuda.Stream(self.device) if side_stream else None

    def active(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self.stream)  # None: the current device and its streams stay as they are

    def put(self, array: np.ndarray) -> torch.Tensor:
        values = torch.from_numpy(array).to(self.device)
        tensor = torch.zeros_like(values)
        torch.cuda.synchronize(self.device)
        with torch.cuda.device(self.device):
            torch.cuda._sleep(5_000_000)
        return tensor.copy_(values)


BACKENDS = {
    "cpu": Cpu,
    "cuda": Cuda,
    "cuda-side-stream": lambda: Cuda(side_stream=True),
    "cuda-second-device": lambda: Cuda(1),
}
if bitlens.build_info()["cuda"] == "emulated":
    BACKENDS = {"emulated": Emulated}


def _why_no_cuda() -> str | None:
    if not torch.cuda.is_available():
        return "no CUDA device"
    if not bitlens.build_info()["cuda"]:
        return "bitlens was built without CUDA"
    return None


@pytest.fixture(params=BACKENDS)
def backend(request) -> Cpu | Cuda:
    """Every back-end in turn; use its tensors within `with backend.active():`."""
    reason = _why_no_cuda() if request.param.startswith("cuda") else None
    if reason and request.config.getoption("--require-cuda"):
        pytest.fail(f"{reason}, and --require-cuda was given")
    if reason:
        pytest.skip(reason)
    if request.param == "cuda-second-device" and torch.cuda.device_count() < 2:
        pytest.skip("one CUDA device")
    return BACKENDS[request.param]()


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = bitlens.get_num_threads()
    yield bitlens.set_num_threads
    bitlens.set_num_threads(before)


@pytest.fixture(scope="session")
def mnist_file() -> Path:
    """The npz file of MNIST that BITLENS_DATA names, or that lies in the folder it names."""
    named = Path(os.environ.get("BITLENS_DATA") or "unset")
    path = named / "mnist.npz" if named.is_dir() else named
    if not path.is_file():
        pytest.skip("set BITLENS_DATA to mnist.npz")
    return path


@pytest.fixture(scope="session")
def mnist(mnist_file) -> dict[str, np.ndarray]:
    """train_images [60000, 28, 28] uint8, train_labels, test_images, test_labels."""
    with np.load(mnist_file) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Handwritten digits [1797, 8, 8] of whole numbers 0 to 16, as float64."""
    return pytest.importorskip("sklearn.datasets").load_digits().images


@pytest.fixture(scope="session")
def random_maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 3, 5, 4))


@pytest.fixture(scope="session")
def digit_maps(digits) -> np.ndarray:
    """The upper and the lower half of digits, as two channels."""
    return digits[:150].reshape(150, 2, 4, 8)


@pytest.fixture(scope="session")
def mnist_maps(mnist) -> np.ndarray:
    """What four fixed filters, a ReLU and a max-pool make of MNIST images: [100, 4, 12, 12], many values exactly 0."""
    smooth, edge = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]), torch.tensor([-1.0, -2.0, 0.0, 2.0, 1.0])
    pairs = [(smooth, smooth), (smooth, edge), (edge, smooth), (edge, edge)]
    filters = torch.stack([torch.outer(rows, columns) for rows, columns in pairs])[:, None] / 16
    images = torch.from_numpy(mnist["train_images"][:100] / np.float32(255))[:, None]
    return torch.nn.functional.max_pool2d(torch.conv2d(images, filters).relu(), 2).numpy()


@pytest.fixture(params=["random_maps", "digit_maps", pytest.param("mnist_maps", marks=pytest.mark.mnist)])
def maps(request) -> np.ndarray:
    """Feature maps [n, channels, height, width]: noise, digits, and a real layer."""
    return request.getfixturevalue(request.param)
