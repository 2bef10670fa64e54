"""Nearest neighbours of samples, and the entropies that are computed from them."""
