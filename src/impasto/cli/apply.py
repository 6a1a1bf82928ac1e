"""`impasto apply`: one pass of a network over a photo, or over all photos of a folder."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from impasto.cli.failures import Interrupted, explain
from impasto.cli.files import check, file_settings, free_name, is_made_by, photo_metadata, refuse_existing
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
    """Run `impasto apply`. Raises UsageError for inputs and outputs that are not possible, ImpastoError for a folder of
    which a picture failed."""
    if options.threads:
        torch.set_num_threads(options.threads)
    began = time.perf_counter()
    if Path(photo).is_dir():
        _folder(Path(photo), settings, options, watcher)
        return
    default = default_output("apply", [photo, *_style_names(settings)])
    path = Path(options.output) if options.output else free_name(default, _recipe(photo, settings, options))
    check(path, options, [photo, *_input_files(settings)])
    if not is_made_by(path, {}):
        refuse_existing([path], options)
    _paint(painter(settings=settings), photo, path, options, watcher, began)


def _folder(folder: Path, settings: ApplySettings, options: FolderOptions, watcher: Watcher) -> None:
    """Paint all pictures of a folder into another. A failure is reported, and the others are painted."""
    into = Path(options.output or Path(default_output("apply", [_folder_name(folder), *_style_names(settings)])).stem)
    if into.resolve() == folder.resolve():
        raise UsageError(f"the output '{into}' is the folder of the photos; choose another --output")
    if into.exists() and not into.is_dir():
        raise UsageError(f"'{into}' is a file; the pictures of a folder are written into a folder")
    contents = survey(folder, recursive=options.recursive, without=into)
    if not contents.pictures:
        more = "" if options.recursive or not contents.folders else "; --recursive takes those of the folders in it"
        raise UsageError(f"the folder '{folder}' holds no pictures{more}")
    places = _places(contents, into, options)
    others = (path for photo, path in places.items() if not is_made_by(path, _recipe(str(photo), settings, options)))
    refuse_existing(others, options)
    for notice in contents.notices("; --recursive paints the pictures in it"):
        watcher.notice(notice)
    paint, failed = painter(settings=settings), list[str]()
    for photo, path in places.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            check(path, options, [str(photo), *_input_files(settings)])
            _paint(paint, str(photo), path, options, watcher, time.perf_counter())
        except KeyboardInterrupt as error:
            done = [*places].index(photo) - len(failed)
            raise Interrupted(f"stopped; {done} of {len(places)} pictures are in {into}") from error
        except Exception as error:  # any error; the other pictures are painted
            watcher.notice(f"{photo}: {explain(error)[0]}")
            failed.append(str(photo.relative_to(folder)))
    if failed:
        raise ImpastoError(f"{len(failed)} of {len(places)} pictures were not painted: {', '.join(failed)}")


def _places(contents: Folder, into: Path, options: RunOptions) -> dict[Path, Path]:
    """Return the output of each picture: the name of the photo, with one more suffix if its format or bits cannot be
    written. A second output of the same name gets a number."""
    places, suffixed = dict[Path, Path](), list[Path]()
    for photo in contents.pictures:
        form = SUFFIXES.get(photo.suffix.lower())
        if form is not None and options.bits <= form.bits:
            places[photo] = into / photo.relative_to(contents.path)
        else:
            suffixed.append(photo)
    names = set(places.values())
    for photo in suffixed:
        output, number = into / photo.relative_to(contents.path), 2
        path = output.with_name(f"{output.name}.png")
        while path in names:
            path, number = output.with_name(f"{output.name}-{number}.png"), number + 1
        places[photo] = path
        names.add(path)
    return {photo: places[photo] for photo in contents.pictures}


def _folder_name(folder: Path) -> str:
    """Return the last part of the folder's path, also for `.` and `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name or "pictures"


def _recipe(photo: str, settings: ApplySettings, options: RunOptions) -> Recipe:
    return recipe("apply", {"content": photo}, settings, writing=file_settings(options))


def _paint(  # noqa: PLR0917 (shared by a folder, or of one photo)
    paint: Painter, photo: str, path: Path, options: RunOptions, watcher: Watcher, began: float
) -> None:
    picture = paint.read(photo)
    check_writable(path, bits=options.bits, size=picture.size)
    for notice in picture.notices:
        watcher.notice(notice)
    alpha, about, result = picture.alpha, photo_metadata(options, picture.origin), paint(picture)
    del picture  # the photo and the result need not be in memory together
    metadata = _recipe(photo, paint.settings, options)
    how = {"bits": options.bits, "quality": options.output_quality}
    for notice in write(path, result, alpha=alpha, metadata=metadata, **how, **about):
        watcher.notice(notice)
    watcher.wrote(str(path), (result.shape[-2], result.shape[-1]), round(time.perf_counter() - began, 3))


def _style_names(settings: ApplySettings) -> list[str]:
    return [str(name) for name, _ in shares_of(settings.style)]


def _input_files(settings: ApplySettings) -> list[str]:
    """Return the names in the settings that may be files, without the networks of the package."""
    files = _style_names(settings)
    if settings.network and settings.network not in shipped():
        files.append(settings.network)
    for region in map(parse_region, settings.region):
        files += [*mask_source(str(region.mask)), *(str(name) for name, _ in shares_of(region.style))]
    return files
