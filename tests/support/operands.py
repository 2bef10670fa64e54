"""Valid operands for every operation of the compiled module, for tests that change one of them."""

from __future__ import annotations

import numpy as np

from bitlens import _core


def f32(*shape):
    return np.ones(shape, np.float32)


def f64(*shape):
    return np.ones(shape)


def i32(*shape):
    return np.ones(shape, np.int32)


def i64(*shape):
    return np.zeros(shape, np.int64)


def u8(*shape):
    return np.zeros(shape, np.uint8)


def lists():
    return {"bounds": f32(5, 70), "candidates": i32(5, 70), "counts": i32(5), "limits": f32(5)}


SETS = {"starts": np.array([0, 1, 4]), "members": np.array([0, 2, 1, 0]), "weights": np.ones(4), "alpha": 1.01}

# Valid operands: 5 samples, k = 3, lists of 70 candidates; 2 and 3 channels, 10 pairs, 4 bins; maps of 6 values.
FITTING = {
    "center_samples": lambda: {
        "x": f64(5, 2),
        "mean": f64(2),
        "width": 1.0,
        "panels": f32(1, 2, 48),
        "norms": f64(5),
        "stream": 0,
    },
    "dot_products": lambda: {
        "rows": f32(2, 3, 48),
        "columns": f32(1, 3, 48),
        "dots": f32(96, 48),
        "stream": 0,
    },
    "keep_nearest": lambda: {
        "rows": f32(1, 3, 48),
        "columns": f32(1, 3, 48),
        "norms": f32(5),
        "first_row": 1,
        "first_column": 1,
        "kept": 3,
        "dots": f32(48, 48),
        "marks": i32(4),
        **lists(),
        "stream": 0,
    },
    "cut_candidates": lambda: {
        "kept": 3,
        **lists(),
        "unit": 1.0,
        "error_bounds": f64(5),
        "k": 3,
        "kth_estimates": f64(5, 2),
        "stream": 0,
    },
    "exact_neighbors": lambda: {
        "x": f64(5, 2),
        **lists(),
        "unit": 1.0,
        "error_bounds": f64(5),
        "trusted": 1.0,
        "kth_estimates": f64(5, 2),
        "k": 3,
        "distances": f64(5, 3),
        "indices": i32(5, 3),
        "ties": np.zeros(5, np.uint8),
        "stream": 0,
    },
    "scan_neighbors": lambda: {
        "rows": f64(5, 2),
        "columns": f64(4, 2),
        "row_panels": f32(1, 3, 48),
        "finer_rows": f32(5, 6),
        "row_norms": f32(5),
        "row_errors": f32(5),
        "row_samples": np.arange(5, dtype=np.int32),
        "column_panels": f32(1, 3, 48),
        "finer_columns": f32(4, 6),
        "column_norms": f32(4),
        "column_errors": f32(4),
        "column_samples": np.arange(4, dtype=np.int32),
        "same": 0,
        "unit": 1.0,
        "k": 3,
        "squared": f64(5, 3),
        "indices": i32(5, 3),
        "ties": np.zeros(5, np.uint8),
        "measured": i32(5),
        "stream": 0,
    },
    "neighbor_scales": lambda: {"distances": f64(5, 3), "scales": f64(5), "stream": 0},
    "neighbor_weights": lambda: {"distances": f64(5, 3), "scales": f64(5), "weights": f64(5, 3), "stream": 0},
    "edge_sums": lambda: {
        "distances": f64(5, 3),
        "indices": i32(5, 3),
        "first": 1,
        "scales": f64(7),
        "last_distances": f64(7),
        "last_indices": i32(7),
        "sums": f64(5, 2),
        "stream": 0,
    },
    "edge_entropy": lambda: {"sums": f64(5, 2), "entropy": f64(1), "stream": 0},
    "distance_codes": lambda: {
        "maps": f64(5, 2, 6),
        "bins": 4,
        "codes": u8(2, 10),
        "ranges": f64(2, 2),
        "workspace": f64(1, 10),
        "stream": 0,
    },
    "joint_counts": lambda: {"a": u8(2, 10), "b": u8(3, 10), "bins": 4, "counts": i64(2, 3, 16), "stream": 0},
    "code_entropies": lambda: {
        "a": u8(2, 10),
        "b": u8(3, 10),
        "bins": 4,
        "joint": f64(2, 3),
        "entropies_a": f64(2),
        "entropies_b": f64(3),
        "stream": 0,
    },
    "label_counts": lambda: {"maps": f64(5, 2, 6), "edges": f64(2, 3), "labels": i64(5), "counts": i64(2, 3, 4)},
    "value_range": lambda: {"values": f64(6), "range": f64(2)},
    "bin_edges": lambda: {"ranges": f64(2, 2), "edges": f64(2, 3)},
    "value_histograms": lambda: {"maps": f64(5, 2, 6), "low": 0.0, "high": 1.0, "counts": i32(5, 2, 4), "stream": 0},
    "histogram_entropies": lambda: {"counts": i32(5, 2, 4), "entropies": f64(5, 2), "stream": 0},
    "squared_distances": lambda: {"maps": f64(5, 2, 6), "squares": f64(2, 5, 5), "stream": 0},
    "gram_spectrum": lambda: {"matrices": f64(3, 5, 5), "spectra": f64(3, 5), "workspace": f64(1, 15), "stream": 0},
    "entropy_slopes": lambda: {"matrices": f64(2, 5, 5), "alpha": 1.25, "entropies": f64(2), "slopes": f64(2, 5, 5)},
    "renyi_entropies": lambda: {
        "squared_distances": f64(3, 5, 5),
        **SETS,
        "entropies": f64(2),
        "kept": f64(2),
        "workspace": f64(1, 15),
        "stream": 0,
    },
}

INPUTS = {"norms", "x", "error_bounds", "kth_estimates", "maps", "values", "a", "b"}
INPUTS_OF = {
    "label_counts": {"maps", "edges", "labels"},
    "bin_edges": {"ranges"},
    "center_samples": {"x", "mean"},
    "dot_products": {"rows", "columns"},
    "keep_nearest": {"rows", "columns", "norms"},
    "cut_candidates": {"error_bounds"},
    "scan_neighbors": {
        "rows",
        "columns",
        *(f"{kind}_{name}" for kind in ("row", "column") for name in ("panels", "norms", "errors", "samples")),
        "finer_rows",
        "finer_columns",
    },
    "neighbor_scales": {"distances"},
    "neighbor_weights": {"distances", "scales"},
    "edge_sums": {"distances", "indices", "scales", "last_distances", "last_indices"},
    "edge_entropy": {"sums"},
    "histogram_entropies": {"counts"},
    "gram_spectrum": {"matrices"},
    "entropy_slopes": {"matrices"},
    "renyi_entropies": {"squared_distances", "starts", "members", "weights"},
}


def call(operation, **changed):
    operands = FITTING[operation]()
    assert changed.keys() <= operands.keys()
    getattr(_core, operation)(**operands | changed)
    return operands | changed
