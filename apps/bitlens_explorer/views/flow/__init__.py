"""The information-flow page."""
