"""Inputs that are long sequences of values, such as sound: each as a curve, and its spectrogram."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
import streamlit as st
from PIL import Image

from bitlens.runs import Run

SHORTEST, LONGEST = 16, 256
"""Values of a window of the short-time Fourier transform, a power of two; at most an eighth of the sequence."""
FLOOR = -80.0
"""Decibels of the darkest colour."""
_WIDTH, _HEIGHT, _LEFT, _GAP, _FOOT = 150, 84, 40, 58, 32  # pixels of a plot and around it
_COLOR, _GREY = "#3f90da", "#808691"


def show_waves(run: Run, samples: Sequence[int], captions: Sequence[str]) -> None:
    """The inputs as curves and spectrograms, each on one scale for all samples."""
    values = run.activations(run.layers[0].name, 0)[list(samples)].astype(np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    decibels = spectrograms(values)
    pictures = [_picture(wave, level, low, high) for wave, level in zip(values, decibels, strict=True)]
    alts = [f"input of {caption} and its spectrogram" for caption in captions]
    st.image(pictures, caption=list(captions), width=_LEFT + 2 * _WIDTH + _GAP + 8, alt=alts)
    window = _window(values.shape[-1])
    st.caption(
        f"Left: from {low:.3g} to {high:.3g}, along {values.shape[-1]} values. Right: power of the short-time Fourier "
        f"transform in Hann windows of {window} values, from {FLOOR:.0f} dB (dark) to 0 dB (bright), the largest power "
        "of these samples. A frequency in cycles per value, times the sampling rate, is in hertz."
        + (" The power is the mean of both channels." if values.shape[1] > 1 else "")
    )


def spectrograms(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Decibels [sample, frequency, time] of values [sample, channel, time], below the largest power of all samples.

    NaN in windows that have values which are not finite.
    """
    from scipy.signal import spectrogram  # other runs do without the time that it takes

    window = _window(values.shape[-1])
    _, _, power = spectrogram(values, 1.0, "hann", window, 3 * window // 4, detrend=False, scaling="spectrum")
    mean = power.mean(axis=1)
    largest = np.nanmax(mean, initial=0.0) or 1.0
    decibels: np.ndarray[Any, Any] = 10 * np.log10(np.maximum(mean / largest, 10 ** (FLOOR / 10)))
    return decibels


def _window(length: int) -> int:
    return int(min(LONGEST, max(SHORTEST, 2 ** int(np.log2(length / 8)))))


def _picture(wave: np.ndarray[Any, Any], decibels: np.ndarray[Any, Any], low: float, high: float) -> str:
    """A sample as SVG: its curve, and its spectrogram to the right, with axes."""
    right = _LEFT + _WIDTH + _GAP
    length, ends = wave.shape[-1], [f"{low:.3g}", f"{high:.3g}"]
    parts = [
        *(f'<g transform="translate({_LEFT} 4)">', curve(wave, low, high), "</g>"),
        *_axes(_LEFT, length, ends, "value"),
        f'<image x="{right}" y="4" width="{_WIDTH}" height="{_HEIGHT}" preserveAspectRatio="none" '
        f'style="image-rendering: pixelated" href="{_colored(decibels)}"/>',
        *_axes(right, length, ["0", "0.5"], "cycles per value"),
    ]
    size = f'viewBox="0 0 {right + _WIDTH + 8} {_HEIGHT + _FOOT + 4}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _axes(left: int, length: int, ends: Sequence[str], y_title: str) -> list[str]:
    """A frame with the ends of both axes, and their titles."""
    bottom, middle = 4 + _HEIGHT, 4 + _HEIGHT / 2
    texts = [
        (left - 4, bottom, "end", ends[0]),
        (left - 4, 14, "end", ends[1]),
        (left, bottom + 13, "start", "0"),
        (left + _WIDTH, bottom + 13, "end", str(length - 1)),
        (left + _WIDTH / 2, bottom + 26, "middle", "number of the value"),
    ]
    style = f'fill="{_GREY}" font-family="sans-serif" font-size="11"'
    drawn = [f'<text x="{x}" y="{y}" text-anchor="{anchor}" {style}>{escape(t)}</text>' for x, y, anchor, t in texts]
    turned = f'transform="rotate(-90 {left - 28} {middle})"'
    title = f'<text x="{left - 28}" y="{middle}" text-anchor="middle" {turned} {style}>{y_title}</text>'
    frame = f'<rect x="{left}" y="4" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="{_GREY}"/>'
    return [*drawn, title, frame]


def curve(wave: np.ndarray[Any, Any], low: float, high: float) -> str:
    """One curve for each channel as SVG. Each pixel across shows the lowest and the highest of its values."""
    lines = []
    for channel in wave:
        parts = np.array_split(channel, min(_WIDTH, len(channel)))
        ends = np.array([[part.min(), part.max()] for part in parts]).ravel()
        heights = _HEIGHT - 1 - (ends - low) / ((high - low) or 1.0) * (_HEIGHT - 2)
        places = np.repeat(np.arange(len(parts)) * _WIDTH / len(parts), 2)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True) if np.isfinite(y))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{_COLOR}" stroke-width="1"/>')
    return "".join(lines)


def _colored(decibels: np.ndarray[Any, Any]) -> str:
    """The address of a picture with the lowest frequency at the bottom; windows without a level are clear."""
    level = np.nan_to_num((decibels[::-1] - FLOOR) / -FLOOR * 255).round().astype(np.uint8)
    opaque = np.where(np.isnan(decibels[::-1]), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    colors = matplotlib.colormaps["viridis"](level, bytes=True)[..., :3]
    Image.fromarray(np.dstack([colors, opaque])).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
