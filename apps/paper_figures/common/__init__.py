"""What the figures of all papers share: the cache, the training loop, the page and the verdict."""
