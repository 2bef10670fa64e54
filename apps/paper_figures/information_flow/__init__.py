"""Yu, Wickstrom, Jenssen, Principe (2018), "Understanding Convolutional Neural Networks with Information Theory"."""
