"""A scalar to a new image."""
