"""Networks that paint in one pass, trained: pieces of photos in, a loss of `stylize`, a file of weights out."""
