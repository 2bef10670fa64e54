"""Images that the demo trains on: where MNIST is found, and what is said where it is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from bitlens.data.images import ImagesNotFoundError, load_digits, load_mnist


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    digits = load_digits()
    return {
        "train_images": (digits.train_images[:30] * 255).astype(np.uint8),
        "train_labels": digits.train_labels[:30].astype(np.uint8),
        "test_images": (digits.test_images[:20] * 255).astype(np.uint8),
        "test_labels": digits.test_labels[:20].astype(np.uint8),
    }


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


STEMS = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


@pytest.mark.parametrize("layout", ["npz", "folder of npz", "keras", "idx", "idx.gz", "torchvision", "dotted"])
def test_mnist_is_found_where_people_keep_it(layout: str, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    root = tmp_path
    if layout in ("npz", "folder of npz"):
        np.savez(tmp_path / "mnist.npz", **arrays)
        root = tmp_path / "mnist.npz" if layout == "npz" else tmp_path
    elif layout == "keras":
        np.savez(
            tmp_path / "mnist.npz",
            **dict(zip(["x_train", "y_train", "x_test", "y_test"], arrays.values(), strict=True)),
        )
    else:
        folder = tmp_path / "MNIST" / "raw" if layout == "torchvision" else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        for stem, array in zip(STEMS, arrays.values(), strict=True):
            name = stem.replace("-idx", ".idx") if layout == "dotted" else stem
            if layout == "idx.gz":
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (folder / name).write_bytes(idx(array))
    images = load_mnist(root)
    np.testing.assert_allclose(images.train_images, arrays["train_images"] / 255.0, atol=1e-7)
    np.testing.assert_array_equal(images.test_labels, arrays["test_labels"])
    assert images.train_images.dtype == np.float32


def test_mnist_that_is_not_there_or_damaged(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(ImagesNotFoundError, match=r"tried\n(.*\n)*.*MNIST/raw"):
        load_mnist(tmp_path)
    (tmp_path / STEMS[0]).write_bytes(idx(arrays["train_images"]))
    with pytest.raises(ImagesNotFoundError, match="expected train-labels-idx1-ubyte or"):
        load_mnist(tmp_path)
    (tmp_path / STEMS[0]).write_bytes(idx(arrays["train_images"])[:-1])
    for stem, array in list(zip(STEMS, arrays.values(), strict=True))[1:]:
        (tmp_path / stem).write_bytes(idx(array))
    with pytest.raises(ImagesNotFoundError, match=r"expected \d+ bytes of data for shape"):
        load_mnist(tmp_path)
    (tmp_path / STEMS[0]).write_bytes(b"PNG nonsense")
    with pytest.raises(ImagesNotFoundError, match="expected an IDX file"):
        load_mnist(tmp_path)
    np.savez(tmp_path / "mnist.npz", train_images=arrays["train_images"])
    with pytest.raises(ImagesNotFoundError, match="expected an array 'train_labels'"):
        load_mnist(tmp_path)
    np.savez(tmp_path / "mnist.npz", **{**arrays, "test_labels": arrays["test_labels"][:3]})
    with pytest.raises(ImagesNotFoundError, match="expected test images"):
        load_mnist(tmp_path)
