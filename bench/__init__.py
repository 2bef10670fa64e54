"""What bitlens takes, beside what people use instead: ``python -m bench``, ``bench.compare``, ``bench.growth``."""
