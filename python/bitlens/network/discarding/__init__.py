"""Information discarding: the largest noise on each input unit that a layer, or its decoder, tolerates."""
