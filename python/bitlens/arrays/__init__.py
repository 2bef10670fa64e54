"""Arrays on the way in and out: NumPy arrays and PyTorch tensors are told apart, checked and converted here alone."""

from bitlens.arrays.validation import *  # noqa: F403
