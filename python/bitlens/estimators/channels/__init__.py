"""Entropies of the values in one channel, and mutual information between two channels."""
