"""The images and the network of the demo, which the benchmarks and the figures use as well."""
