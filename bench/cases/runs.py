"""The case of all measures of a recorded run; we know of no other library that offers them."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

import bitlens
from bench import data
from bench.timing import OURS, Case, Contestant, WrongResultError
from bitlens.data.images import Images


def whole_run() -> dict[str, Contestant]:
    """Record a LeNet for 11 epochs with 1000 MNIST test images and return the contestant."""
    from rich.console import Console

    from bitlens.cli.demo import train_and_record

    images = data.mnist()
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    store = Path(folder.name) / "run"
    few = Images(images.train_images[:5000], images.train_labels[:5000], images.test_images, images.test_labels)
    train_and_record(few, store, 10, Console(quiet=True))
    run = bitlens.open_run(store)

    def check(_: object) -> str:
        accuracy = float(bitlens.training_performance(run).accuracy[-1])
        if accuracy < 0.9:
            raise WrongResultError(f"the network was not trained successfully: accuracy {accuracy}")
        return f"{len(run.layers)} layers, 11 epochs, accuracy {accuracy:.2f}"

    return {OURS: Contestant("bitlens", lambda: bitlens.measure(run), check)}


CASES = {
    "whole-run": Case(
        "`measure`, everything, LeNet on MNIST, 1000 samples, 11 epochs",
        {"n": 1000, "epochs": 11},
        whole_run,
        slow=True,
    )
}
