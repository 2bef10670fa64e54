"""What needs a network and PyTorch: recording it, its receptive fields, deconvolution."""

from bitlens.network.deconvolution import deconvolve
from bitlens.network.receptive_fields import receptive_fields
from bitlens.network.recorder import Recorder

__all__ = ["Recorder", "deconvolve", "receptive_fields"]
