"""The trained network that another training starts from."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

from impasto import networks
from impasto.errors import UsageError
from impasto.networks import AnyStyle, ManyStyles, TextureNet
from impasto.tasks.train_options import PaintingOptions


def base_of(settings: PaintingOptions) -> ManyStyles | AnyStyle | None:
    """The network that the settings name, if any.

    Its shape is the shape of what comes from it: raises UsageError where the settings ask for another one.
    """
    if settings.base is None:
        return None
    found = networks.load(settings.base)
    if isinstance(found, TextureNet):
        raise UsageError(f"'{settings.base}' is a texture network; one that paints photos is needed to start from")
    shape = dict(vars(found.transformer.settings))
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in shape and value not in {field.default, shape[field.name]}:
            theirs = f"'{settings.base}' has {shape[field.name]}"
            raise UsageError(f"{field.name} is {value}, but {theirs}; a network to start from brings its own")
    return found


def origin_of(file: str | Path) -> dict[str, Any]:
    """What is told of the file of a network to start from: its name, its hash, and where it comes from itself."""
    about = networks.describe(file)["provenance"]
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return {"source": Path(file).name, "sha256": digest, "provenance": about}
