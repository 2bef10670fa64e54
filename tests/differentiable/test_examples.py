"""The examples train on digits, and on MNIST where it is given; the example of docs/gradients.md runs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bitlens.data.images import load_digits, load_mnist

ROOT = Path(__file__).parents[2]


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_bottleneck(outcomes):
    without, with_bottleneck = outcomes.values()
    assert with_bottleneck.plane[-1][0] < 0.6 * without.plane[-1][0]
    for outcome in outcomes.values():
        assert outcome.accuracy[0.0] > 0.8
        assert outcome.accuracy[0.6] < outcome.accuracy[0.0]


def test_information_bottleneck(capsys):
    check_bottleneck(example("information_bottleneck").main(load_digits(), 8))
    assert capsys.readouterr().out.startswith("beta 0.0: I(X; T) = ")


@pytest.mark.mnist
def test_information_bottleneck_of_mnist(mnist_file):
    check_bottleneck(example("information_bottleneck").main(load_mnist(mnist_file), 1))


def test_decorrelated_channels():
    without, with_penalty = example("decorrelated_channels").main(8).values()
    assert with_penalty.total_correlation < 0.9 * without.total_correlation
    assert with_penalty.accuracy > 0.7


def test_the_page_runs():
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "gradients.md").read_text("utf-8"), re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", block], check=True)
