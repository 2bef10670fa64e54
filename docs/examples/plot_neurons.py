"""
Neurons, labels and ablation
============================

A neuron that carries much information about the label need not be important: others may carry the same. The neurons
of a LeNet are ranked by their information, and removed in that order.
"""

import tempfile

import matplotlib.pyplot as plt
from digits_lenet import train_lenet

import bitlens
from bitlens.data.lenet import LeNet

run = train_lenet(tempfile.mkdtemp() + "/run", epochs=4)
neurons = bitlens.label_information(run, "relu3").isel(epoch=-1)
ablation = bitlens.layer_ablation(run, LeNet(), repeats=3, steps=12)

# %%
# Left: the information of each neuron, sorted. Right: the accuracy while neurons of that layer are removed.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(sorted(neurons.mutual_information.values, reverse=True), ".")
left.set(xlabel="neuron of relu3, sorted", ylabel="information about the label [bits]")
curves = ablation.isel(epoch=-1).sel(scope="relu3")
for order in ("ascending", "descending"):
    curve = curves.accuracy.sel(order=order)
    right.plot(curve.values, label=f"{order} information")
right.set(xlabel="step of the removal", ylabel="accuracy")
right.legend()
