"""Runs that tests record in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import bitlens


def record_once(path: Path, model: torch.nn.Module, images: torch.Tensor, labels: Any, **options: Any) -> bitlens.Run:
    """Record one epoch of a model."""
    with bitlens.Recorder(model, path, (images, labels), show_size=False, **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)
