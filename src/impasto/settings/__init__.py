"""What can be asked for: one dataclass of settings a task, presets, files of settings, and the recipe of a picture.

Nothing here imports torch. Flags, forms, manifests and metadata derive from these classes, and a command line that
cannot be understood is refused before the work is loaded.
"""
