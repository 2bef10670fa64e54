"""Figures of the source papers, drawn anew: one command a paper, with PNG, CSV, and what became of each claim."""
