"""The settings of a run in its picture: JSON in a text chunk of a PNG, or in the EXIF description of other formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import tifffile
from PIL import Image

from impasto.errors import UsageError
from impasto.image.formats import MAX_BYTES, PNG, TIFF, Format, opened
from impasto.image.origin import DESCRIPTION, EXIF_IFD, NOTHING, RESOLUTION, RESOLUTION_UNIT, Origin

KEY = "impasto"
"""The keyword of the text chunk, and the key of the settings in a description."""

SOFTWARE = "Impasto"
"""The name of the software in EXIF."""

LONGEST = 1 << 20
"""Largest number of characters of JSON that are written and read."""

EXIF_SOFTWARE, USER_COMMENT = 0x0131, 0x9286
_BEFORE, _AFTER = f'{{"{KEY}": ', "}"


def to_text(settings: Mapping[str, object]) -> str:
    """Return `settings` as one line of JSON in ASCII, which every format can store.

    Raises UsageError for settings that JSON cannot store, and for more than `LONGEST` characters.

    >>> to_text({"seed": 7})
    '{"seed": 7}'
    """
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the settings cannot be stored as JSON: {error}") from error
    return _checked(text, "the settings")


def description(text: str) -> str:
    """Return the EXIF or TIFF description with the settings `text`: JSON under the key "impasto"."""
    return f"{_BEFORE}{text}{_AFTER}"


def tags(text: str | None, origin: Origin) -> dict[int, Any]:
    """Return the EXIF tags of a photo and of the settings `text`, with IFDs under the numbers of their tags.

    The settings replace the description of the photo. The description becomes the user's comment if there is none.
    """
    result = dict(origin.exif)
    if _described(result.get(DESCRIPTION)) is not None:  # the photo is itself a result, with settings
        del result[DESCRIPTION]
    if text is not None:
        if DESCRIPTION in result:
            inner = dict(result.get(EXIF_IFD, {}))
            comment = result[DESCRIPTION]
            comment = comment if isinstance(comment, str) else bytes(comment).decode("utf-8", "replace")
            inner.setdefault(USER_COMMENT, b"UNICODE\0" + comment.encode("utf-16-be"))
            result[EXIF_IFD] = inner
        result[DESCRIPTION] = description(text)
    return result


def exif(text: str | None, origin: Origin = NOTHING) -> bytes:
    """Return an EXIF block with the name of the software, the settings `text` and the tags of the photo."""
    block = Image.Exif()
    for tag, value in tags(text, origin).items():
        if isinstance(value, dict):
            block.get_ifd(tag).update(value)
        else:
            block[tag] = text_bytes(value)
    if origin.dpi:
        block[RESOLUTION[0]], block[RESOLUTION[1]] = origin.dpi
        block[RESOLUTION_UNIT] = 2
    block[EXIF_SOFTWARE] = SOFTWARE
    return block.tobytes()


def text_bytes(value: object) -> object:
    """Return a text that is not ASCII as its original bytes, because Pillow would write question marks."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def read_metadata(path: str | Path, *, max_bytes: int = MAX_BYTES) -> dict[str, object] | None:
    """Return the settings that `write` stored in the picture at `path`, or None.

    Pixels are not decoded. Raises UsageError, in one line, for files that `read` refuses, for more than `LONGEST`
    characters, and for settings that are no JSON object.
    """
    path = Path(path)
    with opened(path, max_bytes) as (file, form):
        text = _stored(file, form)
    return None if text is None else _parsed(_checked(text, f"the settings in '{path}'"), path)


def _stored(file: BinaryIO, form: Format) -> str | None:
    """Return the text of the settings, or None."""
    if form is TIFF:
        with tifffile.TiffFile(file) as tiff:
            return _described(tiff.pages.first.tags.valueof(DESCRIPTION))
    image = form.open(file)
    if form is PNG:
        stored = image.info.get(KEY)
        return str(stored) if stored is not None else None
    return _described(image.getexif().get(DESCRIPTION))


def _described(text: object) -> str | None:
    """Return the text of the settings in a description, or None; the inverse of `description`."""
    ours = isinstance(text, str) and text.startswith(_BEFORE)
    return str(text)[len(_BEFORE) : -len(_AFTER)] if ours else None


def _parsed(text: str, path: Path) -> dict[str, object]:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the settings in '{path}' are not valid JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"the settings in '{path}' are a {type(settings).__name__}; expected a JSON object")
    return settings


def _checked(text: str, what: str) -> str:
    """Return `text`. Raises UsageError if it is too long."""
    if len(text) > LONGEST:
        raise UsageError(f"{what} have {len(text)} characters of JSON; at most {LONGEST} are stored")
    return text
