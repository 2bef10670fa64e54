"""
Information between channels of two layers
==========================================

How much does a channel of the second convolution carry about a channel of the first pooling? The estimate has a bias,
so what is drawn is the excess above shuffled samples.
"""

import tempfile

import matplotlib.pyplot as plt
from digits_lenet import train_lenet

import bitlens

run = train_lenet(tempfile.mkdtemp() + "/run", epochs=3)
pairs = bitlens.layer_pair_information(run, "pool1", "conv2", bins=16)
print(pairs.mean_excess.to_series())

# %%
# The same pairs before training and after three epochs.

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
for axis, epoch in zip(axes, (0, 3), strict=True):
    picture = axis.imshow(pairs.excess.sel(epoch=epoch), vmin=0, vmax=float(pairs.excess.max()), aspect="auto")
    axis.set(title=f"epoch {epoch}", xlabel="channel of conv2", ylabel="channel of pool1")
figure.colorbar(picture, ax=axes, label="excess [bits]")

# %%
# A row that is bright as a whole belongs to a channel that is shared by many; it says nothing about causes.
