"""Simulations of laws whose expected estimates are known: how often the 95 % intervals cover them."""
