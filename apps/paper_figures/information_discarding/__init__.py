"""Ma, Zhang, Wang, Zhang (2019), "Quantifying Layerwise Information Discarding of Neural Networks"."""
