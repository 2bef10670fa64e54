"""Checks of the probe, the fixed samples on which a recorder runs the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bitlens.arrays import describe


def check_probe(probe: Any) -> tuple[Tensor, Tensor | None]:
    """Copies of the inputs, and of the labels as int64, on the CPU."""
    if not isinstance(probe, tuple | list) or len(probe) != 2:
        raise TypeError(f"probe: expected (inputs, labels), or (inputs, None) without labels, got {describe(probe)}")
    inputs, labels = probe
    for value, name in ((inputs, "inputs"), (labels, "labels")):
        if not isinstance(value, (Tensor, np.ndarray)) and not (value is None and name == "labels"):
            raise TypeError(f"probe: expected {name} as a tensor or an array, got {describe(value)}")
    x = _copy(inputs)
    if x.dtype == torch.bfloat16:
        raise TypeError("probe: expected inputs that can be stored, got bfloat16; convert them to float32")
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"probe: expected inputs of shape (samples, ...), got {tuple(x.shape)}")
    if labels is None:
        return x, None
    y = _copy(labels)
    if y.is_floating_point() or y.is_complex():
        raise TypeError(f"probe: expected integer labels, got {y.dtype}")
    if y.shape != (len(x),):
        raise ValueError(f"probe: expected {len(x)} labels, got shape {tuple(y.shape)}")
    if y.min() < 0:
        raise ValueError(f"probe: expected labels of at least 0, got {int(y.min())}")
    return x, y.to(torch.int64)


def class_names(labels: Tensor | None, names: Sequence[str] | None) -> tuple[str, ...]:
    """One name for each class; an empty tuple without labels."""
    if labels is None:
        if names is not None:
            raise ValueError("classes: expected a probe with labels, got one without; leave classes out")
        return ()
    count = int(labels.max()) + 1
    if names is None:
        return tuple(str(i) for i in range(count))
    if len(names) < count:
        raise ValueError(f"classes: expected names for {count} classes, got {len(names)}")
    return tuple(str(name) for name in names)


def _copy(values: Any) -> Tensor:
    """A contiguous copy on the CPU, which later changes of the original do not affect."""
    tensor = torch.from_numpy(np.array(values)) if isinstance(values, np.ndarray) else values.detach()
    return tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
