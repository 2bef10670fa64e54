"""
Dimension of digits and of hidden layers
========================================

On a surface of how many dimensions do images of 64 pixels lie? The intrinsic dimension is estimated from the two
nearest neighbours of every image. It is computed for the images and for every layer after training.
"""

import tempfile

import matplotlib.pyplot as plt
from digits_lenet import train_lenet

import bitlens

run = train_lenet(tempfile.mkdtemp() + "/run", epochs=4)
layers = [layer.name for layer in run.layers]
flat = {name: run.activations(name, epoch=4).reshape(run.manifest.samples, -1) for name in layers}
dimensions = {name: bitlens.intrinsic_dimension(values) for name, values in flat.items()}
print(dimensions["input"])

# %%
# The estimate of each layer has a standard error, which is in the result as well.

figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
values, errors = zip(*((d.dimension, d.standard_error) for d in dimensions.values()), strict=True)
axis.bar(layers, values, yerr=errors, capsize=3)
axis.set(ylabel="intrinsic dimension")
axis.tick_params("x", rotation=45)
