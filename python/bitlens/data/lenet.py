"""LeNet, the network of the demo and the benchmarks."""

from __future__ import annotations

from torch import Tensor, nn


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max-pooling, for square images with one channel and a width of at least 8 pixels.

    Parameters
    ----------
    width : int
        Width and height of the images in pixels.
    classes : int
        Number of outputs.

    Examples
    --------
    >>> import torch
    >>> from bitlens.data.lenet import LeNet
    >>> LeNet(28, 10)(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        # Without padding, the second convolution would have no output on images of 8 x 8 pixels.
        self.conv2 = nn.Conv2d(6, 16, 5, padding=0 if width >= 16 else 2)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        side = (width // 2 - (4 if width >= 16 else 0)) // 2
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU()
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, 1, width, width]."""
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.relu4(self.fc2(self.relu3(self.fc1(self.flatten(x)))))
        return self.fc3(x)  # type: ignore[no-any-return]
