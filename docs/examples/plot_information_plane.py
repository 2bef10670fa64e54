"""
Information plane, and its saturation
=====================================

The information plane draws, for every layer and epoch, the information about the input against that about the label.
Two estimators are compared on the same run. Binning saturates: almost every image has a code that no other image has,
so that the information equals that of the input, whatever the layer does.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from digits_lenet import train_lenet

import bitlens

run = train_lenet(tempfile.mkdtemp() + "/run", epochs=4)
planes = {name: bitlens.information_plane(run, estimator=name, permutations=2) for name in ("renyi", "binning")}

# %%
# The dotted line is the entropy of the samples, log2 n: the most that the estimate can be.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for axis, (name, plane) in zip(axes, planes.items(), strict=True):
    for layer in ("conv1", "pool2", "fc1", "output"):
        x, y = (plane.information.sel(layer=layer, about=about) for about in ("input", "labels"))
        axis.plot(x, y, "o-", label=layer)
    axis.axvline(np.log2(run.manifest.samples), linestyle=":", color="gray")
    axis.set(title=name, xlabel="I(X; L) [bits]", ylabel="I(L; Y) [bits]")
axes[0].legend()

# %%
# The verdicts of the last epoch say where a number must not be read as information of the layer.

print(planes["binning"].verdict.isel(epoch=-1).sel(about="input").to_series())
