"""Time and memory of bitlens and of other libraries: ``python -m bench``, ``bench.compare``, ``bench.growth``."""
