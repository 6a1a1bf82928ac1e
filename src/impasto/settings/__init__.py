"""The settings of each task as a dataclass, presets, files of settings, and the recipe of a picture.

This package does not import torch, so the command line shows help and reports wrong options without the time to load
torch. Flags, forms, manifests and metadata derive from these classes.
"""
