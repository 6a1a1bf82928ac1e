"""`impasto apply`: a photo, or a folder of them, painted in one pass of a network that is loaded once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from impasto.cli.failures import explain
from impasto.cli.files import carried, changed, check
from impasto.cli.options import RunOptions, default_output
from impasto.cli.watch import Watcher
from impasto.errors import ImpastoError, UsageError
from impasto.image import check_writable, mask_source, write
from impasto.image.formats import FORMATS, SUFFIXES
from impasto.networks import shipped
from impasto.tasks.apply import Painter, painter
from impasto.tasks.apply_options import ApplySettings
from impasto.tasks.codes import shares_of
from impasto.tasks.recipe import recipe
from impasto.tasks.regions import parse_region

READ = {".gif", *(suffix for form in FORMATS for suffix in form.suffixes)}
"""The suffixes of the files that are taken from a folder."""


def run(photo: str, settings: ApplySettings, options: RunOptions, watcher: Watcher) -> None:
    """Paint what a command line asks for."""
    if options.threads:
        torch.set_num_threads(options.threads)
    began = time.perf_counter()
    if Path(photo).is_dir():
        _folder(Path(photo), settings, options, watcher)
        return
    path = Path(options.output or default_output("apply", [photo, *_named(settings)]))
    check(path, options, [photo, *_read(settings)])
    _paint(painter(settings=settings), photo, path, options, watcher, began)


def _folder(folder: Path, settings: ApplySettings, options: RunOptions, watcher: Watcher) -> None:
    """Paint all pictures of a folder into another. One that cannot be is told of, and the others are painted."""
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in READ and path.is_file())
    if not photos:
        raise UsageError(f"the folder '{folder}' holds no pictures")
    into = Path(options.output or Path(default_output("apply", [str(folder), *_named(settings)])).stem)
    if into.resolve() == folder.resolve():
        raise UsageError(f"the output '{into}' is the folder of the photos; choose another --output")
    if into.exists() and not into.is_dir():
        raise UsageError(f"'{into}' is a file; the pictures of a folder are written into a folder")
    paint, failed = painter(settings=settings), list[str]()
    into.mkdir(parents=True, exist_ok=True)
    for photo, path in zip(photos, _places(photos, into, options), strict=True):
        try:
            check(path, options, [str(photo), *_read(settings)])
            _paint(paint, str(photo), path, options, watcher, time.perf_counter())
        except Exception as error:  # whatever it is, the other pictures can do nothing for it
            watcher.notice(f"{photo}: {explain(error)[0]}")
            failed.append(photo.name)
    if failed:
        raise ImpastoError(f"{len(failed)} of {len(photos)} pictures were not painted: {', '.join(failed)}")


def _places(photos: list[Path], into: Path, options: RunOptions) -> Iterator[Path]:
    """Where each goes: under its own name, or one more suffix where its format cannot be written, or not so deep."""
    for photo in photos:
        form = SUFFIXES.get(photo.suffix.lower())
        fits = form is not None and options.bits <= form.bits
        yield into / (photo.name if fits else f"{photo.name}.png")


def _paint(  # noqa: PLR0917 (what all of a folder share, and what each has)
    paint: Painter, photo: str, path: Path, options: RunOptions, watcher: Watcher, began: float
) -> None:
    picture = paint.read(photo)
    check_writable(path, bits=options.bits, size=picture.size)
    for notice in picture.notices:
        watcher.notice(notice)
    alpha, about, painted = picture.alpha, carried(options, picture.origin), paint(picture)
    del picture  # of a large one there need not be two
    told = recipe("apply", {"content": photo}, paint.settings, writing=changed(options))
    how = {"bits": options.bits, "quality": options.output_quality}
    for notice in write(path, painted, alpha=alpha, metadata=told, **how, **about):
        watcher.notice(notice)
    watcher.made(str(path), (painted.shape[-2], painted.shape[-1]), round(time.perf_counter() - began, 3))


def _named(settings: ApplySettings) -> list[str]:
    return [str(name) for name, _ in shares_of(settings.style)]


def _read(settings: ApplySettings) -> list[str]:
    """The files that the settings name, besides names of styles, which are no files."""
    found = _named(settings)
    if settings.network and settings.network not in shipped():
        found.append(settings.network)
    for region in map(parse_region, settings.region):
        found += [*mask_source(str(region.mask)), *(str(name) for name, _ in shares_of(region.style))]
    return found
