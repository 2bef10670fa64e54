"""A recorded training on disk: the cube dCNN(X, L, C, T) of inputs, layers, channels and epochs."""

from bitlens.runs.layout import Layer, Manifest, ReceptiveField, RunError
from bitlens.runs.reader import Run, open_run
from bitlens.runs.results import Results
from bitlens.runs.selections import load_selection, save_selection
from bitlens.runs.slices import Slice
from bitlens.runs.writer import RunWriter

__all__ = [
    "Layer",
    "Manifest",
    "ReceptiveField",
    "Results",
    "Run",
    "RunError",
    "RunWriter",
    "Slice",
    "load_selection",
    "open_run",
    "save_selection",
]
