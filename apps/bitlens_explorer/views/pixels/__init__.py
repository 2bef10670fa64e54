"""The pixels page."""
