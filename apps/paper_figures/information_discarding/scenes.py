"""Images with a known object: handwritten digits, reduced, each at a random place of a smooth random texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from bitlens.data.images import Images
from paper_figures.common.cache import fingerprint
from paper_figures.common.training import Samples

# Width of a digit as a share of the scene's; digits are brighter than the background.
_DIGIT = 5 / 8
_BRIGHTEST = 0.6
_INK = 0.3
_OF_TRAINING, _OF_TEST = 0, 1


@dataclass(frozen=True)
class Scenes(Samples):
    """Images [n, 1, side, side] in 0 to 1, their classes, and the boxes of their digits [n, side, side]."""

    masks: Tensor

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of images, labels and boxes, for keys of the cache."""
        return fingerprint(self.images, self.labels, self.masks)

    def first(self, number: int) -> Scenes:
        """Return the first scenes."""
        return Scenes(self.images[:number], self.labels[:number], self.masks[:number])


def training_scenes(images: Images, samples: int, side: int) -> Scenes:
    """Return scenes of the first digits for training."""
    return scenes(images.train_images[:samples], images.train_labels[:samples], side, _OF_TRAINING)


def test_scenes(images: Images, samples: int, side: int) -> Scenes:
    """Return scenes of the first digits for testing."""
    return scenes(images.test_images[:samples], images.test_labels[:samples], side, _OF_TEST)


def scenes(digits: object, labels: object, side: int, seed: int) -> Scenes:
    """Put every digit [height, width] into a scene; the same seed makes the same scenes."""
    generator = torch.Generator().manual_seed(seed)
    width = round(_DIGIT * side)
    small = nn.functional.adaptive_avg_pool2d(torch.as_tensor(digits)[:, None], width)
    small = small / small.amax(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    background = _texture(len(small), side, generator)
    layer = torch.zeros_like(background)
    places = torch.randint(side - width + 1, (len(small), 2), generator=generator)
    for image, digit, (top, left) in zip(layer, small, places.tolist(), strict=True):
        image[:, top : top + width, left : left + width] = digit
    blended = background * (1 - layer) + layer
    return Scenes(blended, torch.as_tensor(labels), _boxes(layer[:, 0] > _INK))


def _texture(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Smooth noise: a coarse and a fine random grid, both interpolated to the size of the scene."""
    grids = [torch.rand(n, 1, cells, cells, generator=generator) for cells in (side // 6 + 1, side // 2)]
    coarse, fine = (nn.functional.interpolate(grid, side, mode="bicubic", align_corners=True) for grid in grids)
    return _BRIGHTEST * (0.7 * coarse + 0.3 * fine).clamp(0, 1)


def _boxes(ink: Tensor) -> Tensor:
    """The smallest box around the ink of each image."""

    def within(lines: Tensor) -> Tensor:
        seen = lines.long()
        return (seen.cummax(1).values * seen.flip(1).cummax(1).values.flip(1)).bool()

    return within(ink.any(2))[:, :, None] & within(ink.any(1))[:, None, :]
