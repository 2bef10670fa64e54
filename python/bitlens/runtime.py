"""What the compiled module is, and how much of the machine it may use."""

from __future__ import annotations

from bitlens import _core
from bitlens.arrays import check_integer


def build_info() -> dict[str, str | bool]:
    """Tell how the compiled module was built.

    Returns
    -------
    dict
        version, compiler, flags, optimized (whether a benchmark of it means anything), simd (the instruction set in
        use: avx512, avx2 or baseline; the environment variable BITLENS_SIMD asks for a lower one before bitlens is
        imported), cuda (the compute capabilities it holds kernels for; empty: built without CUDA).

    Examples
    --------
    >>> import bitlens
    >>> sorted(bitlens.build_info())
    ['compiler', 'cuda', 'flags', 'optimized', 'simd', 'version']
    """
    return _core.build_info()


def get_num_threads() -> int:
    """Number of CPU threads that kernels use; at first, one for each core.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.get_num_threads() >= 1
    True
    """
    return _core.num_threads()


def set_num_threads(threads: int) -> None:
    """Set the number of CPU threads that kernels use; results do not depend on it.

    Parameters
    ----------
    threads : int
        1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If threads is no integer or out of range.

    Examples
    --------
    >>> import bitlens
    >>> before = bitlens.get_num_threads()
    >>> bitlens.set_num_threads(1)
    >>> bitlens.get_num_threads()
    1
    >>> bitlens.set_num_threads(before)
    """
    count = check_integer(threads, "threads")
    if not 1 <= count <= 1024:
        raise ValueError(f"threads: expected 1 to 1024, got {count}")
    _core.set_num_threads(count)
