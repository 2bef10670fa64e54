"""What needs a network and PyTorch: recording it, its receptive fields, deconvolution."""

from bitlens.network.deconvolution import deconvolve, record_deconvolutions
from bitlens.network.receptive_field import receptive_fields
from bitlens.network.recorder import Recorder

__all__ = ["Recorder", "deconvolve", "receptive_fields", "record_deconvolutions"]
