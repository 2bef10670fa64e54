"""Estimators of dask arrays that are chunked over samples, for samples that one machine cannot hold.

Results are equal to those of the functions of the same names in `bitlens`, bit for bit, for any chunks and any number
of workers; entropies of linear kernels differ by rounding. A task holds two chunks at a time, and the chunks are in the
memory of the workers together.
"""

try:
    from bitlens.distributed.neighbors import inter_sample_entropy, nearest_neighbors
    from bitlens.distributed.renyi import renyi_entropy
except ModuleNotFoundError as error:
    library = str(error.name).partition(".")[0]
    if library not in ("dask", "distributed"):
        raise
    message = f"bitlens.distributed needs {library}: pip install 'bitlens[cluster]'"
    raise ModuleNotFoundError(message, name=library) from None

__all__ = ["inter_sample_entropy", "nearest_neighbors", "renyi_entropy"]
