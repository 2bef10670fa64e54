"""Definitions of the quantities on all pages, with their papers and equations."""

from __future__ import annotations

DEFINITIONS = {
    "inter-sample entropy": "The diversity of samples: entropy of the weights between nearest neighbours, at most "
    "log2(n^2 - n) bits for n samples (Shen and Shen 2021, eq. 4 to 7). It grows with n and depends on k, so compare "
    "only values with equal n and k.",
    "intra-sample entropy": "How much the values within one map vary: entropy of their histogram (Shen and Shen 2021, "
    "4.4.2).",
    "mutual information of channels": "How much the distances between samples in one channel tell about the distances "
    "in another, from their joint histogram (Shen and Shen 2021, 5.3.1). The estimate is biased upward: read the "
    "excess over the permutation baseline.",
    "conditional entropies": "How uncertain labels are when the predictions are known, and the reverse (Shen and Shen "
    "2021, 5.1.1).",
    "matrix-based information": "Entropy of kernel matrices of mini-batches, of order alpha, with its permutation "
    "baseline (Yu et al. 2018). The bandwidth of the kernel decides what it shows; at a saturation near 1 it is "
    "meaningless.",
    "redundancy - synergy": "I(X; A) + I(X; B) - I(X; {A, B}), averaged over pairs of channels (Yu et al. 2018, eq. "
    "9).",
    "weighted non-redundant information": "2 I(X; {A, B}) - I(X; A) - I(X; B), averaged over pairs of channels (Yu et "
    "al. 2018, eq. 10).",
    "strict information discarding (SID)": "Entropy of the largest noise that each unit of an image can have while the "
    "features of a layer change no more than alpha times as much as under a small noise of variance tau (Ma et al. "
    "2019, eq. 2 to 6). It depends on the unit of the images and can be below 0.",
    "reconstruction uncertainty (RU)": "Entropy of each unit of the image that a decoder reconstructs from the "
    "features of a layer, under the noise that makes it largest, with the same limit (Ma et al. 2019, eq. 9 to 12).",
    "concentration": "Mean SID of the units outside an object minus the mean SID of the units inside (Ma et al. 2019, "
    "eq. 7).",
    "information of a neuron about the label": "I(Y; Q(L)) of its quantized values Q(L) and the class Y, from counts "
    "(Liu, Amjad and Geiger 2018). The estimate is biased upward with few samples; the expected bias is shown with it.",
    "information-ordered ablation": "Accuracy and loss of the network while more and more neurons are turned off: the "
    "lowest score first, the highest first, or in random orders; within a layer, and across layers (Liu, Amjad and "
    "Geiger 2018).",
}
