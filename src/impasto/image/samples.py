"""The bundled samples: photographs and textures that come with scikit-image, and paintings drawn for Impasto."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError, choose
from impasto.image.atomic import replace_file
from impasto.image.origin import NOTHING
from impasto.image.picture import Picture
from impasto.image.reading import read

if TYPE_CHECKING:
    from importlib.abc import Traversable  # it moves to importlib.resources.abc in Python 3.11

PREFIX = "sample:"
"""The scheme of the source of a sample."""


@dataclass(frozen=True)
class Sample:
    """A bundled picture.

    kind: "photo", "texture" or "painting".
    about: a line that says what the picture shows.
    package, file: the Python package with the file, and the path of the file in the package.
    """

    kind: str
    about: str
    package: str
    file: str


def _of_skimage(kind: str, about: str, file: str) -> Sample:
    return Sample(kind, about, "skimage", f"data/{file}")


_SKIMAGE = {
    "chelsea": _of_skimage("photo", "Chelsea, a ginger cat, close up", "chelsea.png"),
    "coffee": _of_skimage("photo", "an espresso cup and a spoon on a wooden table", "coffee.png"),
    "astronaut": _of_skimage("photo", "Eileen Collins in an orange space suit", "astronaut.png"),
    "rocket": _of_skimage("photo", "a Falcon 9 on its pad at dusk", "rocket.jpg"),
    "grass": _of_skimage("texture", "blades of grass, grey", "grass.png"),
    "brick": _of_skimage("texture", "a brick wall, grey", "brick.png"),
    "gravel": _of_skimage("texture", "gravel, grey", "gravel.png"),
}

_PAINTINGS = {
    "flow": "a moonlit valley in swirling strokes of oil",
    "glass": "a sun over hills and three poppies in stained glass",
    "ink": "misty mountains and bamboo in brush and ink",
    "points": "a river at sundown in dots of pure colour",
    "woodcut": "breakers under a coral sun, a woodcut in five colours",
    "tesserae": "a leaping fish in tiles of stone and gold",
}


def bundled() -> dict[str, Sample]:
    """Return all bundled samples by name: photographs, textures, then the paintings in the folder of the package."""
    names = sorted(entry.name for entry in (files("impasto.image") / "samples").iterdir())
    paintings = {
        name.removesuffix(".jpg"): Sample(
            "painting", _PAINTINGS.get(name.removesuffix(".jpg"), "a painting"), "impasto.image", f"samples/{name}"
        )
        for name in names
        if name.endswith(".jpg")
    }
    return _SKIMAGE | paintings


def sample_names() -> dict[str, str]:
    """Return the names of all samples with their kinds: "photo", "texture" or "painting".

    >>> sample_names()["flow"]
    'painting'
    """
    return {name: sample.kind for name, sample in bundled().items()}


def load_sample(name: str) -> Picture:
    """Return the bundled sample `name`. Nothing is downloaded.

    Raises UsageError for an unknown name, with the nearest and all names, and ImpastoError for a missing file.

    >>> load_sample("flow").source
    'sample:flow'
    """
    sample = choose(bundled(), name, "sample")
    with as_file(_located(name, sample)) as path:
        return replace(read(path), source=PREFIX + name, origin=NOTHING)  # without metadata


def write_samples(folder: str | Path) -> list[Path]:
    """Write every sample as a file into `folder`, which is created if needed, and return the new files.

    Existing files do not change. Raises ImpastoError for errors of the disk.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImpastoError(f"the folder '{folder}' cannot be made: {error.strerror or error}") from error
    written = []
    for name, sample in bundled().items():
        path = folder / (name + Path(sample.file).suffix)
        if not path.exists():
            replace_file(path, _located(name, sample).read_bytes())
            written.append(path)
    return written


def _located(name: str, sample: Sample) -> Traversable:
    """Return the file of a sample. Raises ImpastoError if it is missing."""
    # Not by `skimage.data.NAME()`, which downloads a missing file.
    file = files(sample.package).joinpath(*sample.file.split("/"))
    if not file.is_file():
        raise ImpastoError(f"the sample '{name}' is missing: this {sample.package} has no file {sample.file}")
    return file
