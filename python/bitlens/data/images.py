"""The image data sets of the demo: handwritten digits of scikit-learn, and MNIST."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitlens.arrays import NDArray

_IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_FOLDERS = (".", "MNIST/raw", "raw")
"""Folders with the IDX files, relative to the root; torchvision uses MNIST/raw."""


@dataclass(frozen=True)
class Images:
    """Images [n, height, width] from 0 to 1 as float32, and their classes as int64, for training and for testing."""

    train_images: NDArray
    train_labels: NDArray
    test_images: NDArray
    test_labels: NDArray


class ImagesNotFoundError(ValueError):
    """The images were not found or are damaged; the message lists the paths that were tried."""


def load_digits() -> Images:
    """The 1797 handwritten digits of scikit-learn with 8 x 8 pixels. Every fifth digit is for testing."""
    from sklearn import datasets

    digits = datasets.load_digits()
    images, labels = _scaled(digits.images, 16), np.asarray(digits.target, np.int64)
    test = np.arange(len(labels)) % 5 == 4
    return Images(images[~test], labels[~test], images[test], labels[test])


def load_mnist(root: Path | None) -> Images:
    """Load MNIST from an npz file, a folder with mnist.npz, a folder of IDX files (or .gz), or torchvision's layout."""
    tried = []
    if root is not None:
        for npz in [root] if root.suffix == ".npz" else [root / "mnist.npz"]:
            tried.append(str(npz))
            if npz.is_file():
                return _from_npz(npz)
        for folder in _FOLDERS:
            tried.append(str(root / folder / f"{_IDX_FILES['train_images']}[.gz]"))
            if _idx_path(root / folder, "train_images"):
                return _from_idx(root / folder)
    where = "\n  ".join(tried) or "no path, because --root is missing"
    raise ImagesNotFoundError(
        f"MNIST was not found; tried\n  {where}\n"
        "Pass --root with mnist.npz (train_images, train_labels, test_images, test_labels), a folder with the four IDX "
        "files, or the root of torchvision.datasets.MNIST; or use --data digits, which needs no download."
    )


def _from_npz(path: Path) -> Images:
    # Keras names its arrays x_train, y_train, x_test, y_test.
    keras = {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}
    with np.load(path, allow_pickle=False) as arrays:
        missing = [name for name in keras if name not in arrays and keras[name] not in arrays]
        if missing:
            raise ImagesNotFoundError(
                f"{path}: expected an array {missing[0]!r} or {keras[missing[0]]!r}, got {arrays.files}"
            )
        by_name = {name: arrays[name if name in arrays else keras[name]] for name in keras}
    return _images(by_name, path)


def _from_idx(folder: Path) -> Images:
    by_name = {}
    for name, stem in _IDX_FILES.items():
        path = _idx_path(folder, name)
        if path is None:
            raise ImagesNotFoundError(f"{folder}: expected {stem} or {stem}.gz with the other IDX files, got neither")
        by_name[name] = _read_idx(path)
    return _images(by_name, folder)


def _idx_path(folder: Path, name: str) -> Path | None:
    stem = _IDX_FILES[name]
    # Some distributions write the dot of the extension: train-images.idx3-ubyte.
    candidates = [folder / (variant + end) for variant in (stem, stem.replace("-idx", ".idx")) for end in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _read_idx(path: Path) -> NDArray:
    """Read IDX: two zero bytes, type 8 (unsigned byte), number of axes, their sizes as big-endian uint32, the data."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ImagesNotFoundError(f"{path}: expected an IDX file of unsigned bytes, got other data")
    axes = data[3]
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", axes, 4))
    if len(data) != 4 + 4 * axes + int(np.prod(shape)):
        raise ImagesNotFoundError(
            f"{path}: expected {int(np.prod(shape))} bytes of data for shape {shape}, got {len(data) - 4 - 4 * axes}; "
            "download the file again"
        )
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _images(arrays: dict[str, Any], path: Path) -> Images:
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ImagesNotFoundError(
                f"{path}: expected {part} images [n, height, width] with n labels, "
                f"got {images.shape} and {labels.shape}"
            )
    return Images(
        _scaled(arrays["train_images"], 255),
        np.asarray(arrays["train_labels"], np.int64),
        _scaled(arrays["test_images"], 255),
        np.asarray(arrays["test_labels"], np.int64),
    )


def _scaled(images: NDArray, white: float) -> NDArray:
    return np.asarray(images, np.float32) / np.float32(white)
