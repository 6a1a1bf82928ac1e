"""The base network: a trained network that another training starts from."""

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
"""Settings that set the shape of a new network."""


def load_base(settings: PaintingOptions) -> ManyStyles | AnyStyle | None:
    """Return the base network of the settings, or None.

    The base sets the shape of the network: raises UsageError where the settings ask for another shape.
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


def base_provenance(name: str) -> dict[str, Any]:
    """Return the provenance of a base network: the name of its file, its hash, and its own provenance."""
    file = find(name, ())
    about = networks.describe(file)["provenance"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"source": file.name, "sha256": digest, "provenance": about}
