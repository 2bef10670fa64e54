"""The kernels on a GPU beside what PyTorch, CuPy and JAX offer there."""
