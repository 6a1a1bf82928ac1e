"""The trained network that another training starts from."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

from impasto import networks
from impasto.errors import UsageError
from impasto.networks import AnyStyle, ManyStyles, TextureNet, Transformer
from impasto.networks.style_request import find
from impasto.settings.train import PaintingOptions

SHAPE = ("width", "blocks", "ends", "norm", "detail", "deep")
"""Settings that tell the shape of a network from nothing."""


def base_of(settings: PaintingOptions) -> ManyStyles | AnyStyle | None:
    """The network that the settings name, if any.

    Its shape is the shape of what comes from it: raises UsageError where the settings ask for another one.
    """
    if settings.base is None:
        return None
    found = networks.load(find(settings.base, ()))
    if isinstance(found, TextureNet):
        raise UsageError(f"'{settings.base}' is a texture network; one that paints photos is needed to start from")
    shape = vars(found.transformer.settings) if isinstance(found.transformer, Transformer) else {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in SHAPE and value not in {field.default, shape.get(field.name, field.default)}:
            theirs = f" of {field.name} {shape[field.name]}" if shape else ""
            raise UsageError(
                f"{field.name} is {value}, but '{settings.base}' is a network{theirs} already; give --base none as well"
            )
    return found


def origin_of(name: str) -> dict[str, Any]:
    """What is told of the file of a network to start from: its name, its hash, and where it comes from itself."""
    file = find(name, ())
    about = networks.describe(file)["provenance"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"source": file.name, "sha256": digest, "provenance": about}
