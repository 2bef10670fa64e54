"""
Diversity of layers during training
===================================

A LeNet is recorded before training and after every epoch. The inter-sample entropy of a layer says how many
directions its outputs for different images differ in: it is high where all images look different, and falls where
images of a class are mapped to the same place.
"""

import tempfile

import matplotlib.pyplot as plt
from digits_lenet import train_lenet

import bitlens

run = train_lenet(tempfile.mkdtemp() + "/run", epochs=6)
performance = bitlens.training_performance(run)
diversity = bitlens.layer_diversity(run)

# %%
# The accuracy is that of the probe, which the network was not trained on.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(performance.epoch, performance.accuracy, "o-")
left.set(xlabel="epoch", ylabel="accuracy on the probe", ylim=(0, 1))
for layer in ("conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "output"):
    right.plot(diversity.epoch, diversity.inter_sample_entropy.sel(layer=layer), "o-", label=layer)
right.set(xlabel="epoch", ylabel="inter-sample entropy [bits]")
right.legend()

# %%
# The values depend on k and on the number of samples. Compare layers with each other, not with other runs.

print(diversity.inter_sample_entropy.isel(epoch=-1).to_series().round(2))
