"""Image to named layers of features."""
