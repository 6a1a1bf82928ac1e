"""Neural style transfer: a photograph and a painting in, the photograph painted that way out."""

__version__ = "0.1.0"
