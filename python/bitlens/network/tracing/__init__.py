"""What the axes of each tensor in a forward pass are: samples, channels, or places of the input; by rules."""

from bitlens.network.tracing.axes import Channels, Factor, Other, Places, Samples, Trace
from bitlens.network.tracing.tracer import Tracer

__all__ = ["Channels", "Factor", "Other", "Places", "Samples", "Trace", "Tracer"]
