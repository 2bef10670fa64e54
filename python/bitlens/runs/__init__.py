"""A recorded training on disk: activations dCNN(X, L, C, T) by input, layer, channel and epoch, and their results."""

from bitlens.runs.array_writer import record_arrays
from bitlens.runs.files import atomic_write
from bitlens.runs.hidden_states import from_hidden_states
from bitlens.runs.layout import Layer, Manifest, ReceptiveField, RunError
from bitlens.runs.reader import Run, open_run
from bitlens.runs.result_key import ResultKey
from bitlens.runs.result_store import ResultStore
from bitlens.runs.result_types import StoredArray, StoredResult, StoredSeries
from bitlens.runs.saved_selections import load_selection, named_selections, save_selection
from bitlens.runs.selection import Slice
from bitlens.runs.writer import RunWriter

__all__ = [
    "Layer",
    "Manifest",
    "ReceptiveField",
    "ResultKey",
    "ResultStore",
    "Run",
    "RunError",
    "RunWriter",
    "Slice",
    "StoredArray",
    "StoredResult",
    "StoredSeries",
    "atomic_write",
    "from_hidden_states",
    "load_selection",
    "named_selections",
    "open_run",
    "record_arrays",
    "save_selection",
]
