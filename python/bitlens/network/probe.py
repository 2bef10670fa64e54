"""Checks of the probe, the fixed samples on which a recorder runs the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bitlens.arrays import NDArray, as_array, check_label_shape, describe
from bitlens.network import batches
from bitlens.network.batches import Batch
from bitlens.network.state import as_storable
from bitlens.network.views import Tokens
from bitlens.runs import Layer
from bitlens.runs.class_labels import as_class_numbers, names_of_classes
from bitlens.runs.layout import INPUT
from bitlens.runs.probe_file import PROMPTS, texts_as_arrays

_LABELS = ("labels", "label", "y", "target", "targets")
"""Keys under which a dictionary may hold the labels."""


_ATTENTION_MASK = "attention_mask"
"""The input of models of transformers that is 0 at padding."""
_IGNORED = -100
"""The label of PyTorch's losses for what is left out."""


@dataclass(frozen=True)
class Probe:
    """The samples on which a recorder runs the model, on the CPU."""

    inputs: Batch
    labels: Tensor | None
    """int64 [sample], or [sample, token...] where tokens may be samples."""
    classes: tuple[str, ...]
    """Names of the classes; empty without labels."""
    mask: Tensor | None
    """What is not padding, bool [sample, token]."""
    texts: Sequence[Any] | None = None
    """The text of each sample, or of each of its positions where tokens are samples."""
    tokens: Tokens | None = None
    """The tokens that are samples of the run; None if its samples are those of the probe."""

    @property
    def samples(self) -> int:
        """The number of samples that the model is run on."""
        return batches.samples_of(self.inputs)

    @property
    def rows(self) -> int:
        """The number of samples of the run."""
        return self.samples if self.tokens is None else len(self.tokens)

    @property
    def kind(self) -> str:
        """What a run stores of the inputs, one of `INPUT_KINDS`."""
        if self.tokens is not None:
            return "tokens"
        return "tensor" if isinstance(self.inputs, Tensor) else "tuple" if isinstance(self.inputs, tuple) else "dict"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs in a dict, or their numbers in a tuple."""
        if isinstance(self.inputs, Tensor):
            return ()
        return tuple(self.inputs) if isinstance(self.inputs, dict) else tuple(map(str, range(len(self.inputs))))

    def by_token(self, positions: int) -> Probe:
        """The probe whose tokens are samples. The label of a sample holds for its tokens; -100 leaves a token out."""
        shape = (self.samples, positions)
        kept = torch.ones(shape, dtype=torch.bool) if self.mask is None else self.mask
        if kept.shape != shape:
            raise ValueError(f"mask: expected shape {shape}, samples and tokens, got {tuple(kept.shape)}")
        labels = self.labels
        if labels is not None:
            labels = labels[:, None].expand(shape) if labels.ndim == 1 else labels.flatten(1)
            if labels.shape != shape:
                raise ValueError(f"probe: expected a label for each of {positions} tokens, got {labels.shape[1]}")
            kept = kept & (labels != _IGNORED)
            labels = labels[kept]
        if not kept.any():
            raise ValueError("mask: expected at least one token that is a sample, got none")
        return replace(self, labels=labels, texts=self._texts_by_token(kept), tokens=Tokens(kept))

    def _texts_by_token(self, kept: Tensor) -> list[str] | None:
        """The texts of the tokens, after checking that every position of every sample has one."""
        for sample, of_sample in enumerate(self.texts or ()):
            if len(of_sample) != kept.shape[1]:
                raise ValueError(
                    f"texts: expected a text for each of {kept.shape[1]} positions, got {len(of_sample)} for sample "
                    f"{sample}; pass '' for padding"
                )
        return None if self.texts is None else Tokens(kept).texts(self.texts)

    def arrays(self, layers: Sequence[Layer]) -> dict[str, NDArray]:
        """What a run stores of the probe."""
        arrays = {name: as_storable(tensor) for name, tensor in batches.tensors(self.inputs).items()}
        if self.tokens is not None:
            arrays = {}
            if layers[0].name == INPUT:  # else it has no values for single tokens
                inputs = batches.main_input(self.inputs)
                by_token = inputs[:, None] if inputs.ndim == 2 else inputs.movedim(layers[0].channel_axis, 1)
                arrays["inputs"] = as_storable(self.tokens.of(by_token))
            arrays[PROMPTS] = self.tokens.prompts
        if self.texts is not None:
            arrays |= texts_as_arrays(self.texts)
        if self.labels is not None:
            arrays["labels"] = self.labels.numpy()
        return arrays


def check_probe(
    probe: Any, classes: Sequence[str] | None, mask: Any, by_token: bool = False, texts: Any = None
) -> Probe:
    """Copies of the inputs, and of the labels as int64, with the names of the classes.

    With `by_token`, there may also be a label for every token, and an input "attention_mask" is the mask.
    """
    if isinstance(probe, (DataLoader, Dataset)):
        probe = gathered(probe)
    if isinstance(probe, Mapping):
        key = next((name for name in _LABELS if name in probe and (by_token or _is_labels(probe[name]))), None)
        probe = ({name: value for name, value in probe.items() if name != key}, probe[key] if key else None)
    if not isinstance(probe, tuple | list) or len(probe) != 2:
        raise TypeError(f"probe: expected (inputs, labels), or (inputs, None) without labels, got {describe(probe)}")
    inputs = _checked_inputs(probe[0])
    samples = batches.samples_of(inputs)
    labels, names = _checked_labels(probe[1], samples, classes, by_token)
    if mask is None and by_token and isinstance(inputs, dict):
        mask = inputs.get(_ATTENTION_MASK)
    return Probe(inputs, labels, names, _checked_mask(mask, samples), _checked_texts(texts, samples, by_token))


def gathered(samples: Any) -> Any:
    """All samples of a data set or a loader as (inputs, labels) or as a dictionary."""
    loader = samples if isinstance(samples, DataLoader) else DataLoader(samples, batch_size=256)
    parts = list(loader)
    if not parts:
        raise ValueError("probe: expected at least one sample, got an empty data set")
    if isinstance(parts[0], Mapping):
        return {name: torch.cat([torch.as_tensor(part[name]) for part in parts]) for name in parts[0]}
    if isinstance(parts[0], Tensor):
        return torch.cat(parts), None
    if len(parts[0]) != 2:
        raise TypeError(f"probe: expected samples (input, label) in the data set, got {len(parts[0])} entries a sample")
    inputs, labels = zip(*parts, strict=True)
    if isinstance(inputs[0], Mapping):
        gathered: Any = {name: torch.cat([part[name] for part in inputs]) for name in inputs[0]}
    else:
        gathered = torch.cat(inputs)
    return gathered, np.concatenate([np.asarray(part) for part in labels])


def _is_labels(value: Any) -> bool:
    return getattr(value, "ndim", None) == 1


def _checked_inputs(inputs: Any) -> Batch:
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple | list) else [inputs]
    for value in parts:
        if not isinstance(value, (Tensor, np.ndarray)):
            raise TypeError(f"probe: expected inputs as a tensor or an array, got {describe(value)}")
    if isinstance(inputs, Mapping) and not all(isinstance(name, str) for name in inputs):
        raise TypeError(f"probe: expected names of the inputs that are texts, got {list(inputs)}")
    if not isinstance(inputs, (Tensor, np.ndarray)) and not len(inputs):
        raise ValueError("probe: expected at least one input, got none")
    batch: Batch = batches.mapped(inputs, _copy) if not isinstance(inputs, np.ndarray) else _copy(inputs)
    main = batches.main_input(batch)
    if main.ndim < 2 or 0 in main.shape:
        raise ValueError(f"probe: expected inputs of shape (samples, ...), got {tuple(main.shape)}")
    batches.check_batch(batch, "probe")
    return batch


def _checked_mask(mask: Any, samples: int) -> Tensor | None:
    if mask is None:
        return None
    if not isinstance(mask, (Tensor, np.ndarray)) or mask.ndim != 2 or len(mask) != samples:
        raise TypeError(f"mask: expected an array of shape ({samples}, tokens), got {describe(mask)}")
    return _copy(mask).to(torch.bool)


def _checked_texts(texts: Any, samples: int, by_token: bool) -> list[Any] | None:
    """A list with the text of each sample, or by token with the list of the texts of its positions."""
    if texts is None:
        return None
    what = "a list of texts, one for each position," if by_token else "a text"
    given = [texts] if isinstance(texts, str) else [list(text) if by_token else text for text in texts]
    for text in given:
        parts = text if by_token and isinstance(text, list) else [text]
        if not all(isinstance(part, str) for part in parts):
            raise TypeError(f"texts: expected {what} for each of {samples} samples, got {describe(text)}")
    if len(given) != samples or isinstance(texts, str):
        raise ValueError(f"texts: expected {what} for each of {samples} samples, got {len(given)}")
    return given


def _checked_labels(
    labels: Any, samples: int, classes: Sequence[str] | None, by_token: bool
) -> tuple[Tensor | None, tuple[str, ...]]:
    """The labels as int64, and one name for each class; None and an empty tuple without labels."""
    if labels is None:
        if classes is not None:
            raise ValueError("classes: expected a probe with labels, got one without; leave classes out")
        return None, ()
    given = as_array(labels, "probe: labels")
    if not isinstance(given, Tensor):
        given, classes = as_class_numbers(np.asarray(given), classes, "probe")
    y = _copy(given)
    if y.is_complex() or (y.is_floating_point() and y.ndim == 1):
        raise TypeError(f"probe: expected integer labels, got {y.dtype}")
    if not by_token or y.shape[:1] != (samples,):
        check_label_shape(y, samples, "probe: labels")
    if y.is_floating_point():
        raise TypeError(f"probe: expected integer labels, got {y.dtype}")
    y = y.to(torch.int64)
    used = y[y != _IGNORED] if by_token else y
    if not len(used) or used.min() < 0:
        raise ValueError(f"probe: expected labels of at least 0, got {int(y.min())}")
    return y, names_of_classes(int(y.max()), classes, "probe")


def _copy(values: Any) -> Tensor:
    """A contiguous copy on the CPU, which later changes of the original do not affect."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind not in "biufc":
            raise TypeError(f"probe: expected numbers, got an array of {values.dtype}")
        return torch.from_numpy(np.array(values))
    with torch.inference_mode(mode=False):
        copied: Tensor = values.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return copied
