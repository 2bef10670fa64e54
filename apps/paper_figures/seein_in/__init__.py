"""Seein' In: its case study of a siamese network on MNIST, Fig. 2 to 10."""
