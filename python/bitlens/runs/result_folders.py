"""The folders of the result store: names of files and folders, and the key that a folder belongs to."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path

from bitlens.runs.files import sync_files
from bitlens.runs.layout import RESULTS
from bitlens.runs.remote import RemotePath
from bitlens.runs.result_file import read_small_file
from bitlens.runs.result_key import MEASURE_NAME, ResultKey
from bitlens.runs.run_files import inside, listed_epochs

PARAMETERS = "parameters.json"
KEY_FOLDER = re.compile(r"(\d{1,9})-([0-9a-f]{16})")


def file_name(epoch: int) -> str:
    """Name of the file of an epoch."""
    return f"{epoch:04d}.safetensors"


def results_folder(run: Path) -> Path:
    """The folder of all results; RunError if it is a link that leads out of the run."""
    return inside(run, run / RESULTS)


def key_folder(run: Path, key: ResultKey) -> Path:
    """The folder of a key; RunError if it, or a folder above it, is a link that leads out of the run."""
    return inside(run, run / RESULTS / key.measure / f"{key.version}-{key.digest}")


def file_in(folder: Path, epoch: int) -> str | RemotePath:
    """The file of an epoch in the folder of a key; a text, because a Path takes longer."""
    return folder / file_name(epoch) if isinstance(folder, RemotePath) else f"{folder}{os.sep}{file_name(epoch)}"


def stored_keys(run: Path, measure: str | None) -> list[ResultKey]:
    """The keys of all folders with results, or of those of one measure; a damaged folder gives a warning."""
    top = results_folder(run)
    names = folders_in(run, top) if measure is None else [measure]
    keys = []
    for name in filter(MEASURE_NAME.fullmatch, names):
        for folder in folders_in(run, inside(run, top / name)):
            path = top / name / folder
            if KEY_FOLDER.fullmatch(folder) and listed_epochs(path):
                keys += _stored_key(path)
    return keys


def folders_in(run: Path, path: Path) -> list[str]:
    """Names of the folders in a folder, ascending; RunError if one is a link that leads out of the run."""
    if isinstance(path, RemotePath):
        return path.names("directory")
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if inside(run, entry.path).is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stored_key(folder: Path) -> list[ResultKey]:
    """The key of a folder, or nothing, with a warning, if its text is damaged."""
    try:
        content = json.loads(read_small_file(folder / PARAMETERS))
        key = ResultKey(content["measure"], content["version"], content["settings"])
    except (ValueError, TypeError, KeyError, RecursionError):
        key = None
    if key is None or (key.measure, f"{key.version}-{key.digest}") != (folder.parent.name, folder.name):
        warnings.warn(
            f"{folder / PARAMETERS} is damaged or missing, so the results in this folder are not listed; measure "
            "again with the same settings to repair it, or remove the folder",
            stacklevel=5,
        )
        return []
    return [key]


def flush_epoch(run: Path, epoch: int) -> None:
    """Put on disk every result of an epoch, whichever process has saved it."""
    folder = results_folder(run)
    paths = [inside(run, path) for path in folder.glob(f"*/*/{file_name(epoch)}")]
    if paths:
        sync_files(paths, folder)
