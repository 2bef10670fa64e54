"""The sizes and ranges that operations check before they read: one row a check."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from operands import call, f32, f64, i32, i64, lists, u8

# (operation, operands that do not fit, message)
SIZES = [
    ("center_samples", {"mean": f64(3)}, "mean: expected 2, got 3"),
    ("center_samples", {"panels": f32(2, 2, 48)}, "panels: expected 1, got 2"),
    ("center_samples", {"panels": f32(1, 3, 48)}, "panels: values: expected 2, got 3"),
    ("center_samples", {"panels": f32(1, 2, 16)}, "panels: samples: expected 48, got 16"),
    ("center_samples", {"norms": f64(6)}, "norms: expected 5, got 6"),
    ("center_samples", {"width": f64(2)}, "width: expected 1, got 2"),
    ("dot_products", {"rows": f32(2, 3, 47)}, "rows: samples of a panel: expected 48, got 47"),
    ("dot_products", {"columns": f32(1, 3, 49)}, "columns: samples of a panel: expected 48, got 49"),
    ("dot_products", {"columns": f32(1, 4, 48)}, "columns: values: expected 3, got 4"),
    ("dot_products", {"dots": f32(48, 48)}, "dots: rows: expected 96, got 48"),
    ("dot_products", {"dots": f32(96, 96)}, "dots: columns: expected 48, got 96"),
    ("keep_nearest", {"first_row": 4}, "dots: rows beyond the last sample"),
    ("keep_nearest", {"first_row": -1}, "dots: rows beyond the last sample"),
    ("keep_nearest", {"first_column": 2}, "dots: columns beyond the last sample, or before the first row"),
    ("keep_nearest", {"first_column": 0}, "dots: columns beyond the last sample, or before the first row"),
    ("keep_nearest", {"kept": 7}, "kept: expected 1 to 6 for lists of 70, got 7"),
    ("keep_nearest", {"kept": 0}, "kept: expected 1 to 6 for lists of 70, got 0"),
    ("keep_nearest", {"norms": f32(4)}, "bounds: samples: expected 4, got 5"),
    ("keep_nearest", {"bounds": f32(4, 70)}, "bounds: samples: expected 5, got 4"),
    ("keep_nearest", {"candidates": i32(4, 70)}, "candidates: samples: expected 5, got 4"),
    ("keep_nearest", {"candidates": i32(5, 71)}, "candidates: capacity: expected 70, got 71"),
    ("keep_nearest", {"counts": i32(4)}, "counts: expected 5, got 4"),
    ("keep_nearest", {"counts": np.full(5, 71, np.int32)}, "counts: expected 0 to 70, got 71"),
    ("keep_nearest", {"counts": np.full(5, -1, np.int32)}, "counts: expected 0 to 70, got -1"),
    ("keep_nearest", {"limits": f32(6)}, "limits: expected 5, got 6"),
    ("exact_neighbors", {"kept": 71}, "kept: expected 0 to 70 for lists of 70, got 71"),
    ("exact_neighbors", {"kept": -1}, "kept: expected 0 to 70 for lists of 70, got -1"),
    ("exact_neighbors", {"distances": f64(5, 5)}, "distances: k must be 1 to n - 1"),
    ("exact_neighbors", {"distances": f64(5, 0)}, "distances: k must be 1 to n - 1"),
    ("exact_neighbors", {"distances": f64(4, 3)}, "distances: samples: expected 5, got 4"),
    ("exact_neighbors", {"taken_off": f64(4)}, "taken_off: expected 5, got 4"),
    ("exact_neighbors", {"limits": f32(6)}, "limits: expected 5, got 6"),
    ("exact_neighbors", {"indices": i32(4, 3)}, "indices: samples: expected 5, got 4"),
    ("exact_neighbors", {"indices": i32(5, 2)}, "indices: k: expected 3, got 2"),
    (
        "exact_neighbors",
        {**lists(), "counts": np.ones(5, np.int32), "candidates": np.full((5, 70), -1, np.int32)},
        "candidates: found -1, expected 0 to 4",
    ),
    (
        "exact_neighbors",
        {**lists(), "counts": np.ones(5, np.int32), "candidates": np.full((5, 70), 5, np.int32)},
        "candidates: found 5, expected 0 to 4",
    ),
    ("neighbor_scales", {"distances": f64(5, 1)}, "distances: k must be 2 or more, or log2(k) leaves no scale"),
    ("neighbor_scales", {"scales": f64(4)}, "scales: expected 5, got 4"),
    ("neighbor_weights", {"scales": f64(4)}, "scales: expected 5, got 4"),
    ("neighbor_weights", {"weights": f64(4, 3)}, "weights: samples: expected 5, got 4"),
    ("neighbor_weights", {"weights": f64(5, 4)}, "weights: k: expected 3, got 4"),
    ("edge_entropy", {"indices": i32(4, 3)}, "indices: samples: expected 5, got 4"),
    ("edge_entropy", {"indices": i32(5, 4)}, "indices: k: expected 3, got 4"),
    ("edge_entropy", {"scales": f64(6)}, "scales: expected 5, got 6"),
    ("edge_entropy", {"sums": f64(4, 2)}, "sums: samples: expected 5, got 4"),
    ("edge_entropy", {"sums": f64(5, 3)}, "sums: of weights, and of weights times their logarithms: expected 2, got 3"),
    ("edge_entropy", {"entropy": f64(2)}, "entropy: expected 1, got 2"),
    ("distance_codes", {"maps": f64(1, 2, 6)}, "maps: at least two samples are needed for a pair"),
    ("distance_codes", {"bins": 257}, "bins: expected 2 to 256, got 257"),
    ("distance_codes", {"codes": u8(3, 10)}, "codes: channels: expected 2, got 3"),
    ("distance_codes", {"codes": u8(2, 9)}, "codes: pairs: expected 10, got 9"),
    ("distance_codes", {"ranges": f64(3, 2)}, "ranges: channels: expected 2, got 3"),
    ("distance_codes", {"ranges": f64(2, 3)}, "ranges: ends: expected 2, got 3"),
    ("joint_counts", {"bins": 1}, "bins: expected 2 to 256, got 1"),
    ("joint_counts", {"b": u8(3, 9)}, "b: expected the 10 sample pairs of a, got 9"),
    ("joint_counts", {"a": u8(2, 10) + 4}, "a: found code 4, expected codes below bins = 4"),
    ("joint_counts", {"b": u8(3, 10) + 255}, "b: found code 255, expected codes below bins = 4"),
    ("joint_counts", {"counts": i64(3, 3, 16)}, "counts: channels of a: expected 2, got 3"),
    ("joint_counts", {"counts": i64(2, 2, 16)}, "counts: channels of b: expected 3, got 2"),
    ("joint_counts", {"counts": i64(2, 3, 4)}, "counts: bins * bins: expected 16, got 4"),
    ("code_entropies", {"bins": 0}, "bins: expected 2 to 256, got 0"),
    ("code_entropies", {"a": u8(2, 0), "b": u8(3, 0)}, "a: no sample pairs"),
    ("code_entropies", {"joint": f64(1, 3)}, "joint: channels of a: expected 2, got 1"),
    ("code_entropies", {"joint": f64(2, 4)}, "joint: channels of b: expected 3, got 4"),
    ("code_entropies", {"entropies_a": f64(3)}, "entropies_a: expected 2, got 3"),
    ("code_entropies", {"entropies_b": f64(2)}, "entropies_b: expected 3, got 2"),
    ("value_range", {"values": f64(0)}, "values: none"),
    ("value_range", {"range": f64(3)}, "range: expected 2, got 3"),
    ("value_histograms", {"counts": i32(4, 2, 4)}, "counts: samples: expected 5, got 4"),
    ("value_histograms", {"counts": i32(5, 3, 4)}, "counts: channels: expected 2, got 3"),
    ("value_histograms", {"counts": i32(5, 2, 257)}, "bins: expected 2 to 256, got 257"),
    ("value_histograms", {"counts": i32(5, 2, 1)}, "bins: expected 2 to 256, got 1"),
    ("value_histograms", {"low": 2.0}, "low: above high"),
    ("value_histograms", {"low": math.nan}, "low: above high"),
    ("histogram_entropies", {"entropies": f64(4, 2)}, "entropies: samples: expected 5, got 4"),
    ("histogram_entropies", {"entropies": f64(5, 3)}, "entropies: channels: expected 2, got 3"),
]


@pytest.mark.parametrize(("operation", "changed", "message"), SIZES, ids=[f"{row[0]}: {row[2]}" for row in SIZES])
def test_sizes(operation, changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(operation, **changed)
