"""The page without a run."""
