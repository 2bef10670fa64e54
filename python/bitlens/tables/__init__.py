"""Tidy tables (pandas) of the results of measures, as the command line, the explorer and the figures show them."""

from bitlens.tables.summary import gap_bounds, layer_summary, removal_means, role_counts, training_summary

__all__ = ["gap_bounds", "layer_summary", "removal_means", "role_counts", "training_summary"]
