"""Training of networks that paint in one pass, with random crops of photos and the losses of `stylize`."""
