"""Estimators of dask arrays that are chunked over samples, for samples that one machine cannot hold.

Results are equal to those of the functions of the same names in `bitlens`, bit for bit, for any chunks and any number
of workers. A task holds two chunks at a time, and the chunks are in the memory of the workers together.
"""

from bitlens.distributed.neighbors import inter_sample_entropy, nearest_neighbors
from bitlens.distributed.renyi import renyi_entropy

__all__ = ["inter_sample_entropy", "nearest_neighbors", "renyi_entropy"]
