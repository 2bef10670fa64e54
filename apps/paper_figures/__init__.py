"""Reproduction of the figures of the source papers: one command per paper, with PNG, CSV and verdicts on its claims."""
