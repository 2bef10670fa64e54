"""What needs a network and PyTorch: recording it, its receptive fields, deconvolution, what it discards of its input."""

from bitlens.network.decoder import train_decoder
from bitlens.network.deconvolution import deconvolve, record_deconvolutions
from bitlens.network.discarding import information_discarding, reconstruction_uncertainty
from bitlens.network.maximum_entropy import InformationDiscarding
from bitlens.network.receptive_field import receptive_fields
from bitlens.network.recorder import Recorder

__all__ = [
    "InformationDiscarding",
    "Recorder",
    "deconvolve",
    "information_discarding",
    "receptive_fields",
    "reconstruction_uncertainty",
    "record_deconvolutions",
    "train_decoder",
]
