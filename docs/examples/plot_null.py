"""
What chance alone gives
=======================

The information of each pixel of the digits about their class, with the mean information when the labels are shuffled.
Pixels of the border are nearly constant, and their small values are bias.
"""

import matplotlib.pyplot as plt
import numpy as np

import bitlens
from bitlens.data.images import load_digits

digits = load_digits()
pixels = digits.test_images.reshape(len(digits.test_images), -1)
information = bitlens.neuron_information(pixels, digits.test_labels, bitlens.EqualWidth(8))

# %%
# Left: the estimate. Middle: its expected bias. Right: the difference, which can be reported.

estimate, bias = np.asarray(information.mutual_information), np.asarray(information.mutual_information_bias)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for axis, (title, values) in zip(
    axes, {"estimate": estimate, "bias": bias, "excess": estimate - bias}.items(), strict=True
):
    picture = axis.imshow(values.reshape(8, 8), vmin=0, vmax=estimate.max())
    axis.set(title=title, xticks=[], yticks=[])
figure.colorbar(picture, ax=axes, label="bits about the class")
