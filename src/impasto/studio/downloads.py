"""Results as files: formats, the blend with the photo, the timelapse, and the run as a command or as Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from impasto.errors import UsageError
from impasto.image import load, read_metadata, resize, size_of, write
from impasto.jobs.timelapse import ENCODERS
from impasto.settings.recipe import EDITS, TASKS, command
from impasto.studio.runs import Run
from impasto.studio.store import MissingError
from impasto.studio.studio import Studio
from impasto.studio.work import Work

TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "tif": "image/tiff"}
"""Formats of downloads, and their types."""

DEEP = ("png", "tif")
"""Formats with 16 bits a channel."""


@dataclass(frozen=True)
class Download:
    """How to write a result: its format, 8 or 16 bits, and its share in a mixture with the photo."""

    format: str
    bits: int
    strength: float


def picture(studio: Studio, run: Run, folder: str, how: Download) -> Path:
    """Write the result of a run to a file in `folder`, and return the file.
    Raises MissingError for a run without a result.
    """
    if run.result is None:
        raise MissingError("this run has no result yet")
    if how.bits == 16 and how.format not in DEEP:
        raise UsageError(f"{how.format} has 8 bits a channel; 16 are in {' and '.join(DEEP)}")
    file = studio.store.path_of(run.visitor, run.result)
    result, recipe = load(file), read_metadata(file)
    pixels = result.pixels
    if how.strength < 1 and run.request.content is not None:
        photo = load(studio.sources(run.visitor).file(run.request.content)).pixels
        pixels = how.strength * pixels + (1 - how.strength) * resize(photo, size_of(pixels)).clamp(0, 1)
    path = Path(folder) / f"{title(run)}.{how.format}"
    write(path, pixels, alpha=result.alpha, bits=how.bits, metadata=recipe, origin=result.origin)
    return path


def timelapse(run: Run) -> bytes:
    """Return the frames of a run as an animated GIF. Raises MissingError for a run without frames."""
    files = sorted(run.frames.glob("*.jpg")) if run.frames.exists() else []
    if not files:
        raise MissingError("this run has no timelapse")
    pictures = []
    for file in files:
        with Image.open(file, formats=["JPEG"]) as image:
            pictures.append(image.convert("RGB"))
    frames = [np.asarray(image.resize(pictures[-1].size, Image.Resampling.LANCZOS)) for image in pictures]
    return ENCODERS[".gif"](frames)


def title(run: Run) -> str:
    """Return the name of the files of a run, without a suffix."""
    names = [Path(name).stem.rpartition(":")[2] for name in run.names.values()]
    return "-".join([*names[:2], *([] if len(names) > 1 else [run.request.task])])[:100]


def command_of(work: Work) -> list[str]:
    """Return the words of the command line that makes the same picture from files of the same names."""
    return command(work.recipe, f"{work.title}.png")


def python_of(work: Work) -> str:
    """Return the same run as Python.

    >>> from impasto.settings.recipe import recipe
    >>> from impasto.settings.synthesis import TextureSettings
    >>> about = recipe("texture", {"style": "sea.jpg"}, TextureSettings(seed=1))
    >>> print(python_of(Work("texture", None, [], (), None, TextureSettings(seed=1), about)))
    import impasto
    <BLANKLINE>
    picture = impasto.texture("sea.jpg", settings=impasto.TextureSettings(seed=1))
    impasto.write("sea-texture.png", picture)
    """
    task = {**TASKS, **EDITS}[work.task]
    values: dict[str, Any] = dict(work.recipe["settings"])
    arguments = [_literal(work.recipe["inputs"][name]) for name in task.inputs]
    if values:
        listing = ", ".join(
            f"{name}={tuple(value) if isinstance(value, list) else value!r}" for name, value in values.items()
        )
        arguments.append(f"settings=impasto.{task.settings.__name__}({listing})")
    result = "picture.pixels" if work.task == "blend" else "picture"
    lines = ["import impasto", "", f"picture = impasto.{work.task}({', '.join(arguments)})"]
    return "\n".join([*lines, f'impasto.write("{work.title}.png", {result})'])


def _literal(value: Any) -> str:
    """Return a value as Python, texts in double quotes as in JSON."""
    if isinstance(value, list):
        return f"({''.join(f'{_literal(part)}, ' for part in value)})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
