"""The content image and the style images of a run, read and recoloured once, and returned at any size."""
