"""Operations that run a network, with PyTorch: recording, deconvolution, information discarding and ablation."""

from bitlens.network.ablation.cumulative import AblationCurve, cumulative_ablation
from bitlens.network.deconvolution import deconvolve
from bitlens.network.discarding.decoder import train_decoder
from bitlens.network.discarding.entropies import information_discarding, reconstruction_uncertainty
from bitlens.network.discarding.maximum_entropy import InformationDiscarding
from bitlens.network.receptive_field import receptive_fields
from bitlens.network.recorder import Recorder
from bitlens.network.views import View

__all__ = [
    "AblationCurve",
    "InformationDiscarding",
    "Recorder",
    "View",
    "cumulative_ablation",
    "deconvolve",
    "information_discarding",
    "receptive_fields",
    "reconstruction_uncertainty",
    "train_decoder",
]
