"""Matrix-based Renyi entropies: Gram matrices, their bandwidths, and the information of layers and channels."""
