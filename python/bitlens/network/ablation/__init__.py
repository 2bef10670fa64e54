"""Ablation: accuracy and loss of a network without some of its neurons."""
