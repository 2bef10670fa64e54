"""The inter-sample entropy of MNIST, the only figure of the paper whose data are public (Fig. 4B)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import bitlens

pytestmark = pytest.mark.mnist

# samples of each class: bits, for stratified samples of the training set and k = min(1500, n - 1)
BITS = {100: 19.66, 500: 22.87, 1000: 23.90}


@pytest.mark.parametrize("per_class", BITS)
def test_entropy_grows_with_the_number_of_samples_as_published(mnist, per_class):
    random = np.random.default_rng(0)
    labels = mnist["train_labels"]
    chosen = [random.choice(np.flatnonzero(labels == digit), per_class, replace=False) for digit in range(10)]
    images = mnist["train_images"][np.concatenate(chosen)]
    entropy = bitlens.inter_sample_entropy(images, k=min(1500, len(images) - 1))
    assert entropy == pytest.approx(BITS[per_class], abs=0.03)


# VmHWM is the peak memory of this process alone; ru_maxrss would start at the peak of the parent process.
ALL_IMAGES = """
import re, sys, warnings
import numpy as np
import bitlens
warnings.simplefilter("ignore", bitlens.NeighborWarning)  # two images have ties
images = np.load(sys.argv[1])["train_images"].astype(np.float32)
assert images.shape == (60000, 28, 28)
entropy = bitlens.inter_sample_entropy(images, k=15)
print(entropy, int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak memory that Linux reports in /proc")
def test_all_training_images_fit_in_two_gigabytes(mnist_file):
    """A table of all distances would need 14 GB; one row of tiles needs 0.25 GB."""
    command = [sys.executable, "-W", "error", "-c", ALL_IMAGES, str(mnist_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    entropy, peak = (float(word) for word in done.stdout.split())
    assert entropy == pytest.approx(20.2303225, abs=1e-6)
    assert peak < 2e9
