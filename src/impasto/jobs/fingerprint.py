"""The fingerprint of a run: a hash of everything that changes its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from impasto.image import Picture, files_named
from impasto.settings.synthesis import SynthesisSettings
from impasto.version import __version__


def named_files(settings: SynthesisSettings) -> list[str]:
    """Return the files in the settings: a start, weights, further style images, masks."""
    texts: list[str] = []
    for value in settings.to_mapping().values():
        texts += value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return files_named(texts)


def fingerprint(task: str, pictures: Sequence[Picture], settings: SynthesisSettings) -> str:
    """Return the SHA-256, in hex, of all that a run depends on: version, task, settings, pictures and files.

    A run continues only from a checkpoint with the same fingerprint.
    """
    about = [__version__, task, settings.to_mapping()]
    digest = hashlib.sha256(json.dumps(about).encode())
    for picture in pictures:
        digest.update(repr(tuple(picture.pixels.shape)).encode())
        for values in (picture.pixels, picture.alpha):
            if values is not None:
                digest.update(np.ascontiguousarray(values.numpy()).data)
    for name in named_files(settings):
        digest.update(hashlib.sha256(Path(name).read_bytes()).digest())
    return digest.hexdigest()
