"""The compiled operations; csrc/core/ops documents their operands. Operands are NumPy arrays or CUDA tensors."""

from typing import Any, Final

MAX_BINS: Final[int]
CPU_PANEL: Final[int]
CUDA_PAIR_MARKS: Final[int]
CUDA_PANEL: Final[int]
CUDA_SEARCH_BATCH: Final[int]
CUDA_SCAN_SCRATCH: Final[int]

def center_samples(x: Any, mean: Any, width: float, panels: Any, norms: Any, stream: int) -> None: ...
def dot_products(rows: Any, columns: Any, dots: Any, stream: int) -> None: ...
def keep_nearest(
    rows: Any,
    columns: Any,
    norms: Any,
    first_row: int,
    first_column: int,
    kept: int,
    dots: Any,
    marks: Any,
    bounds: Any,
    candidates: Any,
    counts: Any,
    limits: Any,
    stream: int,
) -> None: ...
def cut_candidates(
    kept: int,
    bounds: Any,
    candidates: Any,
    counts: Any,
    limits: Any,
    unit: float,
    error_bounds: Any,
    k: int,
    kth_estimates: Any,
    stream: int,
) -> None: ...
def exact_neighbors(
    x: Any,
    bounds: Any,
    candidates: Any,
    counts: Any,
    limits: Any,
    unit: float,
    error_bounds: Any,
    trusted: float,
    kth_estimates: Any,
    k: int,
    distances: Any,
    indices: Any,
    ties: Any,
    stream: int,
) -> None: ...
def scan_neighbors(
    rows: Any,
    columns: Any,
    row_panels: Any,
    finer_rows: Any,
    row_norms: Any,
    row_errors: Any,
    row_samples: Any,
    column_panels: Any,
    finer_columns: Any,
    column_norms: Any,
    column_errors: Any,
    column_samples: Any,
    same: int,
    unit: float,
    k: int,
    squared: Any,
    indices: Any,
    ties: Any,
    measured: Any,
    stream: int,
) -> None: ...
def neighbor_scales(distances: Any, scales: Any, stream: int) -> None: ...
def neighbor_weights(distances: Any, scales: Any, weights: Any, stream: int) -> None: ...
def edge_sums(
    distances: Any,
    indices: Any,
    first: int,
    scales: Any,
    last_distances: Any,
    last_indices: Any,
    sums: Any,
    stream: int,
) -> None: ...
def edge_entropy(sums: Any, entropy: Any, stream: int) -> None: ...
def distance_codes(maps: Any, bins: int, codes: Any, ranges: Any, workspace: Any, stream: int) -> None: ...
def joint_counts(a: Any, b: Any, bins: int, counts: Any, stream: int) -> None: ...
def code_entropies(a: Any, b: Any, bins: int, joint: Any, entropies_a: Any, entropies_b: Any, stream: int) -> None: ...
def value_range(values: Any, range: Any) -> None: ...
def bin_edges(ranges: Any, edges: Any) -> None: ...
def value_histograms(maps: Any, low: float, high: float, counts: Any, stream: int) -> None: ...
def histogram_entropies(counts: Any, entropies: Any, stream: int) -> None: ...
def label_counts(maps: Any, edges: Any, labels: Any, counts: Any) -> None: ...
def squared_distances(maps: Any, squares: Any, stream: int) -> None: ...
def gram_spectrum(matrices: Any, spectra: Any, workspace: Any, stream: int) -> None: ...
def renyi_entropies(
    squared_distances: Any,
    starts: Any,
    members: Any,
    weights: Any,
    alpha: float,
    entropies: Any,
    kept: Any,
    workspace: Any,
    stream: int,
) -> None: ...
def entropy_slopes(matrices: Any, alpha: float, entropies: Any, slopes: Any) -> None: ...
def cuda_workspace_for_matrix(n: int, in_double: bool) -> int: ...
def set_num_threads(threads: int) -> None: ...
def num_threads() -> int: ...
def build_info() -> dict[str, str | bool]: ...
