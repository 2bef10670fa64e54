"""What each quantity is, its range, and when not to believe it; as the explorer shows them behind a sign."""

from __future__ import annotations

DEFINITIONS = {
    "accuracy": "Share of samples whose predicted class is their label, 0 to 1, on the probe. Guessing among c "
    "equally frequent classes gives 1/c.",
    "loss": "Mean of -log2 of the probability that the network gives to the label, in bits a sample. 0 is perfect; "
    "guessing among c equally frequent classes gives log2 c.",
    "confusion": "Number of samples of each label by predicted class. Right predictions are on the diagonal.",
    "label_given_predicted": "Entropy of the labels among the samples that are predicted as one class, in bits. 0: "
    "they all have one label. At most log2 of the number of classes. It is too small for classes with few predictions.",
    "predicted_given_label": "Entropy of the predictions among the samples of one label, in bits. 0: they are all "
    "predicted as one class. At most log2 of the number of classes. It is too small for classes with few samples.",
    "inter_sample_entropy": "Entropy of the distribution of samples, estimated from the distances to nearest "
    "neighbours, in bits. More bits mean samples that differ more. Compare only equal numbers of samples. Samples that "
    "coincide also raise it, which the table of layers says.",
    "intra_sample_entropy": "Entropy of the values within one map, whose range is cut into bins of equal width; the "
    "mean over samples, in bits. 0: a constant map. At most log2 of the number of bins or of the values in a map.",
    "mutual_information": "Information that the distances between samples in one channel give about those in the "
    "other channel, in bits. 0: independent. It is biased upward with few samples, so compare it with its null: the "
    "same estimate for shuffled samples.",
    "excess": "The estimate minus the mean of the same estimate for shuffled samples, in bits. 0: no more than chance. "
    "The verdict says where the null is so large that the excess is only a lower bound.",
    "plane": "Information of a layer about the input and about the labels, in bits. It is at most the entropy of the "
    "layer and log2 n for n samples. An estimate near its null, or of a saturated layer, says nothing.",
    "modified": "Information about the input or the labels that no other channel of the layer has as well, in bits.",
    "inequalities": "Information about the input cannot rise from layer to layer, and that about the error cannot rise "
    "from the last layer to the first. Estimates can; a rise beyond the null is counted as a violation.",
    "shares": "Part of the joint information of two channels that is redundant, synergistic or not redundant, from -1 "
    "to 1 in theory. Estimates may lie outside. Shares of joint information near 0 say nothing.",
    "saturation": "Entropy of a layer as a share of log2 n for n samples, 0 to 1. Near 1 all samples are far apart for "
    "the kernel, and the estimates depend on its bandwidth alone.",
    "discarding": "Strict information discarding (SID): entropy of the noise that each pixel can have before the "
    "features of the layer change too much, in bits a pixel. It depends on the unit of the input and may be below 0.",
    "ablation": "Performance on the samples while neurons are turned off one by one, with the lowest or the highest "
    "score first or in random orders. The network is not trained again.",
}
"""By name of the quantity."""
