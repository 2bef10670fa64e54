"""Benchmark of the kernels on a GPU against PyTorch, CuPy and JAX."""
