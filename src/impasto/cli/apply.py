"""`impasto apply`: a photo, or a folder of them, painted in one pass of a network that is loaded once."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from impasto.cli.failures import Interrupted, explain
from impasto.cli.files import carried, changed, check, free_name, is_made_by, refuse_existing
from impasto.cli.options import FolderOptions, RunOptions, default_output
from impasto.cli.progress import Watcher
from impasto.errors import ImpastoError, UsageError
from impasto.image import check_writable, mask_source, write
from impasto.image.folder import Folder, survey
from impasto.image.formats import SUFFIXES
from impasto.networks import shipped
from impasto.networks.style_request import shares_of
from impasto.settings.editing import ApplySettings
from impasto.settings.recipe import Recipe, recipe
from impasto.tasks.apply import Painter, painter
from impasto.tasks.scene.regions import parse_region


def run(photo: str, settings: ApplySettings, options: FolderOptions, watcher: Watcher) -> None:
    """Run `impasto apply`."""
    if options.threads:
        torch.set_num_threads(options.threads)
    began = time.perf_counter()
    if Path(photo).is_dir():
        _folder(Path(photo), settings, options, watcher)
        return
    default = default_output("apply", [photo, *_named(settings)])
    path = Path(options.output) if options.output else free_name(default, _recipe(photo, settings, options))
    check(path, options, [photo, *_read(settings)])
    if not is_made_by(path, {}):
        refuse_existing([path], options)
    _paint(painter(settings=settings), photo, path, options, watcher, began)


def _folder(folder: Path, settings: ApplySettings, options: FolderOptions, watcher: Watcher) -> None:
    """Paint all pictures of a folder into another. A failure is reported, and the others are painted."""
    into = Path(options.output or Path(default_output("apply", [_name(folder), *_named(settings)])).stem)
    if into.resolve() == folder.resolve():
        raise UsageError(f"the output '{into}' is the folder of the photos; choose another --output")
    if into.exists() and not into.is_dir():
        raise UsageError(f"'{into}' is a file; the pictures of a folder are written into a folder")
    found = survey(folder, recursive=options.recursive, without=into)
    if not found.pictures:
        more = "" if options.recursive or not found.folders else "; --recursive takes those of the folders in it"
        raise UsageError(f"the folder '{folder}' holds no pictures{more}")
    places = _places(found, into, options)
    others = (path for photo, path in places.items() if not is_made_by(path, _recipe(str(photo), settings, options)))
    refuse_existing(others, options)
    for notice in found.notices("; --recursive paints the pictures in it"):
        watcher.notice(notice)
    paint, failed = painter(settings=settings), list[str]()
    for photo, path in places.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            check(path, options, [str(photo), *_read(settings)])
            _paint(paint, str(photo), path, options, watcher, time.perf_counter())
        except KeyboardInterrupt as error:
            done = [*places].index(photo) - len(failed)
            raise Interrupted(f"stopped; {done} of {len(places)} pictures are in {into}") from error
        except Exception as error:  # any error; the other pictures are painted
            watcher.notice(f"{photo}: {explain(error)[0]}")
            failed.append(str(photo.relative_to(folder)))
    if failed:
        raise ImpastoError(f"{len(failed)} of {len(places)} pictures were not painted: {', '.join(failed)}")


def _places(found: Folder, into: Path, options: RunOptions) -> dict[Path, Path]:
    """Return the output of each picture: its own name, or one more suffix if its format or bits cannot be written.

    A name that another picture has already gets a number."""
    places, more = dict[Path, Path](), list[Path]()
    for photo in found.pictures:
        form = SUFFIXES.get(photo.suffix.lower())
        if form is not None and options.bits <= form.bits:
            places[photo] = into / photo.relative_to(found.path)
        else:
            more.append(photo)
    taken = set(places.values())
    for photo in more:
        name, number = into / photo.relative_to(found.path), 2
        path = name.with_name(f"{name.name}.png")
        while path in taken:
            path, number = name.with_name(f"{name.name}-{number}.png"), number + 1
        places[photo] = path
        taken.add(path)
    return {photo: places[photo] for photo in found.pictures}


def _name(folder: Path) -> str:
    """Return the name of the folder itself, also for `.` and `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name or "pictures"


def _recipe(photo: str, settings: ApplySettings, options: RunOptions) -> Recipe:
    return recipe("apply", {"content": photo}, settings, writing=changed(options))


def _paint(  # noqa: PLR0917 (what all of a folder share, and what each has)
    paint: Painter, photo: str, path: Path, options: RunOptions, watcher: Watcher, began: float
) -> None:
    picture = paint.read(photo)
    check_writable(path, bits=options.bits, size=picture.size)
    for notice in picture.notices:
        watcher.notice(notice)
    alpha, about, painted = picture.alpha, carried(options, picture.origin), paint(picture)
    del picture  # so that a large picture is in memory once
    metadata = _recipe(photo, paint.settings, options)
    how = {"bits": options.bits, "quality": options.output_quality}
    for notice in write(path, painted, alpha=alpha, metadata=metadata, **how, **about):
        watcher.notice(notice)
    watcher.made(str(path), (painted.shape[-2], painted.shape[-1]), round(time.perf_counter() - began, 3))


def _named(settings: ApplySettings) -> list[str]:
    return [str(name) for name, _ in shares_of(settings.style)]


def _read(settings: ApplySettings) -> list[str]:
    """Return the files in the settings, without names of styles."""
    found = _named(settings)
    if settings.network and settings.network not in shipped():
        found.append(settings.network)
    for region in map(parse_region, settings.region):
        found += [*mask_source(str(region.mask)), *(str(name) for name, _ in shares_of(region.style))]
    return found
