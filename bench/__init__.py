"""What bitlens takes on real data, measured: ``python -m bench``."""
