"""CNNSlicer (2021): its case studies on MNIST, Fig. 4 to 13."""
