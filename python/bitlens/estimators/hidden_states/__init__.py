"""Quantities of hidden states of language models: entropies, ranks, two views of the same items, geometry."""
