"""The content image and the style images of a run: read once, coloured once, handed out at any size."""
