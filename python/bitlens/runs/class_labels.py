"""Class labels as they are given, integers or texts, as numbers of classes and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bitlens.arrays import NDArray

_MOST_CLASSES = 2**24


def as_class_numbers(labels: NDArray, classes: Sequence[str] | None, argument: str) -> tuple[NDArray, list[str] | None]:
    """Integers as they are, and texts as their numbers among the classes; also the names of the classes, if known.

    The classes of texts are sorted if no names are given.
    """
    names = None if classes is None else [str(name) for name in classes]
    if labels.dtype.kind not in "OSTU":
        return labels, names
    texts = [text.decode("utf-8") if isinstance(text, bytes) else text for text in labels.ravel().tolist()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{argument}: expected labels that are integers or texts, got other objects; convert them")
    names = sorted(set(texts)) if names is None else names
    if unknown := sorted(set(texts) - set(names)):
        raise ValueError(f"{argument}: expected labels among classes {tuple(names)}, got {unknown[0]!r}")
    return np.array([names.index(text) for text in texts], np.int64).reshape(labels.shape), names


def names_of_classes(highest: int, classes: Sequence[str] | None, argument: str) -> tuple[str, ...]:
    """A name for each class up to the highest one; by default its number."""
    if highest >= _MOST_CLASSES:
        raise ValueError(
            f"{argument}: expected labels that number at most {_MOST_CLASSES} classes, got {highest}; number them with "
            "np.unique(labels, return_inverse=True)[1]"
        )
    names = tuple(map(str, range(highest + 1) if classes is None else classes))
    if len(names) <= highest:
        raise ValueError(f"classes: expected names for {highest + 1} classes, got {len(names)}")
    return names
