"""Geiger (2020), "Understanding Neural Networks with Information Theory", after Liu, Amjad, Geiger (2018)."""
