"""Files of stored arrays that can be imported into a run: npz, safetensors and zarr, one file or group an epoch."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bitlens.runs import RunError, from_hidden_states
from bitlens.runs.tensor_file import TensorFile

INPUT, LABELS, PROMPTS, TEXTS, MASK = NO_LAYERS = ("input", "labels", "prompts", "texts", "attention_mask")
"""Names of arrays that are not layers: inputs, labels, and what belongs to tokens."""
STATES = "hidden_states"
"""The name of an array of the hidden states of all layers, [layers, prompts, tokens, D]."""
_ZARR_FILES = (".zgroup", ".zarray", "zarr.json")
_DIGITS = re.compile(r"([0-9]+)")
_KINDS = "npz, safetensors or zarr"

Arrays = dict[str, Any]


def read_epochs(path: Path) -> Iterator[tuple[int, Arrays]]:
    """Read the arrays of every epoch by their names, in ascending order of the epochs.

    Parameters
    ----------
    path : Path
        A file of one epoch, a zarr store with a group for each epoch, or a folder of such files. The number in the
        name is the epoch: the one after "epoch" or "step", or else the last one.

    Raises
    ------
    RunError
        If there is nothing to read, a name has no number, two names have the same, or a file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from bitlens.cli.array_files import read_epochs
    >>> folder = Path(tempfile.mkdtemp())
    >>> for epoch in (12, 3):
    ...     np.savez(folder / f"epoch_{epoch}.npz", conv=np.zeros((4, 2)))
    >>> [(epoch, list(arrays)) for epoch, arrays in read_epochs(folder)]
    [(3, ['conv']), (12, ['conv'])]
    """
    if not path.exists():
        raise RunError(f"{path}: there is no such file or folder")
    sources = _sources(path)
    if not sources:
        raise RunError(f"{path}: expected files of {_KINDS}, found none")
    if len(sources) == 1:
        ((name, read),) = sources.items()
        epoch = _number(name)
        yield (0 if epoch is None else epoch), read()
        return
    by_epoch: dict[int, str] = {}
    for name in sources:
        epoch = _number(name)
        if epoch is None:
            raise RunError(f"{path}: expected the epoch in every name, such as epoch_12, got {name!r}; rename it")
        if epoch in by_epoch:
            raise RunError(f"{path}: {by_epoch[epoch]!r} and {name!r} both have epoch {epoch}; rename or move one")
        by_epoch[epoch] = name
    for epoch, name in sorted(by_epoch.items()):
        yield epoch, sources[name]()


def whole_arrays(arrays: Arrays, given: Arrays) -> tuple[Arrays, Any, list[str] | None]:
    """Layers whose samples are the first axis, and the prompts and texts of these samples where they are stored."""
    if given[MASK] is not None:
        raise RunError(f"{MASK}: expected tokens as samples where it is stored, got none; pass --tokens-as-samples")
    texts = given[TEXTS]
    return arrays, given[PROMPTS], None if texts is None else [str(text) for text in texts.tolist()]


def token_arrays(arrays: Arrays, given: Arrays) -> tuple[Arrays, Any, list[str] | None]:
    """Layers, prompts and texts whose samples are the tokens of hidden states [prompt, token, D]."""
    if given[PROMPTS] is not None:
        raise RunError(f"{PROMPTS}: expected none with --tokens-as-samples, got some; leave the option out")
    for name in (INPUT, LABELS):
        if given[name] is not None:
            raise RunError(f"{name}: expected hidden states alone with --tokens-as-samples, got {name}; leave it out")
    states = arrays[STATES] if list(arrays) == [STATES] and arrays[STATES].ndim == 4 else arrays
    texts = given[TEXTS]
    by_token = from_hidden_states(states, given[MASK], texts=None if texts is None else texts.tolist())
    return by_token["arrays"], by_token["prompts"], by_token.get("texts")


def natural_order(names: Sequence[str]) -> list[str]:
    """Names sorted with their numbers as numbers: layer2 before layer10."""
    return sorted(names, key=lambda name: [int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(name))])


def _number(name: str) -> int | None:
    stem = re.sub(r"\.(npz|safetensors|zarr)$", "", name)
    named = re.findall(r"(?:epoch|step)\D?([0-9]{1,17})", stem, re.IGNORECASE)
    numbers = named or re.findall(r"[0-9]{1,17}", stem)
    return int(numbers[-1]) if numbers else None


def _sources(path: Path) -> dict[str, Callable[[], Arrays]]:
    """What reads the arrays of each epoch, by the name of its file or group."""
    if path.is_file():
        readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
        reader = readers.get(path.suffix)
        if reader is None:
            raise RunError(f"{path}: expected a file of {_KINDS}, got {path.suffix or 'no suffix'!r}")
        return {path.name: partial(reader, path)}
    if any((path / name).is_file() for name in _ZARR_FILES):
        return _zarr_sources(path)
    sources: dict[str, Callable[[], Arrays]] = {}
    for entry in sorted(path.iterdir()):
        is_zarr = entry.is_dir() and any((entry / name).is_file() for name in _ZARR_FILES)
        if entry.name.startswith(".") or not (is_zarr or entry.suffix in (".npz", ".safetensors")):
            continue
        found = _sources(entry)
        if is_zarr and len(found) != 1:
            raise RunError(f"{entry}: expected one epoch in each store of a folder, got {len(found)}; import it alone")
        sources[entry.name] = next(iter(found.values()))
    return sources


def _read_npz(path: Path) -> Arrays:
    try:
        with path.open("rb") as stream:  # which np.load would leave open where the file is damaged
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("it is a single array, not an npz file")
            return dict(file)
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} cannot be read: {error}; save arrays of numbers or texts, not objects") from None


def _read_safetensors(path: Path) -> Arrays:
    real = path.resolve()  # caches of downloaded models consist of links
    with TensorFile(real.parent, real) as file:
        return {name: file.read(name) for name in natural_order(list(file.entries))}


def _zarr_sources(path: Path) -> dict[str, Callable[[], Arrays]]:
    try:
        import zarr
    except ModuleNotFoundError:
        raise RunError(f"{path} is a zarr store, which needs the library zarr: pip install zarr") from None
    try:
        group = zarr.open(str(path), mode="r")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(group, zarr.Group):
        raise RunError(f"{path}: expected a zarr group with an array for each layer, got a single array")
    groups = {name: inner for name, inner in group.groups() if any(True for _ in inner.arrays())}
    if not groups:
        return {path.name: partial(_read_zarr, group)}
    return {str(name): partial(_read_zarr, inner) for name, inner in groups.items()}


def _read_zarr(group: Any) -> Arrays:
    arrays = dict(group.arrays())
    return {name: arrays[name][...] for name in natural_order(list(arrays))}
