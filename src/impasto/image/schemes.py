"""Sources of the form `scheme:what?option=value&option=value`, parsed as text; see `sources.load`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import UsageError, choose

OPTIONS: dict[str, tuple[str, ...]] = {
    "sample": (),
    "blend": ("mask", "at", "gradients"),
    "generator": ("seed",),
    "strokes": (),
}
"""The options of each scheme."""

WHOLE = r"[+-]?[0-9]+"
"""A pattern of integers."""

MOST = 19
"""Largest number of words and separators in the name of a file, for a text with several names."""


@dataclass(frozen=True)
class Composed:
    """A parsed source: `blend:A,B?mask=M` has the names "A" and "B" and the option "mask".

    text: the whole source.
    """

    text: str
    scheme: str
    names: tuple[str, ...]
    options: dict[str, str]

    @property
    def at(self) -> tuple[int, int]:
        """Return the position (x, y) of the source of a blend on its target. Raises UsageError."""
        return corner(self.options.get("at", "0,0"))

    @property
    def seed(self) -> int:
        """Return the seed of a generator. Raises UsageError for another value than an integer."""
        seed = self.options.get("seed", "0")
        if not re.fullmatch(WHOLE, seed):
            raise UsageError(f"the seed of '{self.text}' is '{seed}'; expected a whole number")
        return int(seed)


def corner(text: str) -> tuple[int, int]:
    """Return the text `X,Y` as two integers, in pixels. Raises UsageError for other texts.

    >>> corner("120,-40")
    (120, -40)
    """
    if not re.fullmatch(f"{WHOLE},{WHOLE}", text):
        raise UsageError(f"a place is X,Y in whole pixels, such as 120,-40, not '{text}'")
    x, y = text.split(",")
    return int(x), int(y)


def parse(text: str) -> Composed | None:
    """Return the parsed source `text`, or None for the path of a file.

    A single letter before a colon is a drive, and the name of an existing file is always a file. Raises UsageError for
    an unknown scheme or option, with the nearest one, and for a source without a name or a blend with only one.

    >>> parse("generator:faces?seed=7").seed
    7
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not re.fullmatch("[a-z]{2,}", scheme) or _exists(text):
        return None
    allowed = choose(OPTIONS, scheme, "kind of picture")
    # Options start at the last question mark, because a target such as generator:faces?seed=7 has one, too.
    what, mark, query = rest.rpartition("?") if allowed else (rest, "", "")
    options = _options(query, scheme) if mark else {}
    # Names end at the first comma, so that a target may itself be a blend.
    names = tuple((what if mark else rest).split(",", 1)) if scheme == "blend" else (what if mark else rest,)
    if not all(names) or (scheme == "blend" and len(names) < 2):
        raise UsageError(f"'{text}' is incomplete; expected {_SYNTAX[scheme]}")
    return Composed(text, scheme, names, options)


def files_in(text: str) -> list[str]:
    """Return the names of the files of the source or mask `text`; none for a sample. Raises UsageError as `parse`.

    >>> files_in("blend:a.png,sample:coffee?mask=m.png")
    ['a.png', 'm.png']
    """
    parsed = parse(text)
    if parsed is None:
        return [text]
    if parsed.scheme == "blend":
        mask = mask_source(parsed.options["mask"]) if "mask" in parsed.options else []
        return [file for name in (*parsed.names, *mask) for file in files_in(name)]
    return [] if parsed.scheme == "sample" else list(parsed.names)


def files_named(texts: Iterable[str]) -> list[str]:
    """Return the existing files that settings name, sorted: `~m.png#ff0000:a.png=0.5` names a.png and m.png.

    A separator may also be part of the name of a file, as in `C:\\m.png` or `a=b.png`.
    """
    names = set[str]()
    for text in texts:
        words = re.split(r"([:=#~,?&])", text)
        for first in range(0, len(words), 2):
            for end in range(first + 1, min(len(words), first + MOST) + 1, 2):
                names.add("".join(words[first:end]))
    return sorted(name for name in names if name and os.path.isfile(name))  # noqa: PTH113 (Path.is_file may raise)


def pieces(text: str) -> list[str]:
    """Return the parts of `text` between colons, except colons of a scheme, a drive or the name of an existing file.

    >>> pieces("sample:flow:0.5")
    ['sample:flow', '0.5']
    """
    words, parts = text.split(":"), list[str]()
    while words:
        names = ((count, ":".join(words[:count])) for count in range(len(words), 1, -1))
        count = next((count for count, name in names if _exists(mask_source(name)[0])), 1)
        part = ":".join(words[:count])
        if parts and _continues(parts[-1], part):
            parts[-1] += f":{part}"
        else:
            parts.append(part)
        del words[:count]
    return parts


def _continues(before: str, part: str) -> bool:
    """Return whether the colon between two parts is that of a drive or a scheme, and no separator."""
    drive = _DRIVE.search(before) and part[:1] in ("\\", "/") and not _exists(before)
    return bool(drive or _SCHEME.search(before))


_SCHEME = re.compile(rf"(^|[~,:=])({'|'.join(OPTIONS)})$")
_DRIVE = re.compile(r"(^|[~,:=])[A-Za-z]$")


def stem(text: str) -> str:
    """Return the name, without suffix, of a result of the source `text`: `photo`, `chelsea`, `faces-7`.

    Raises UsageError as `parse`.

    >>> stem("generator:faces?seed=7")
    'faces-7'
    """
    parsed = parse(text)
    if parsed is None:
        return Path(text).stem
    if parsed.scheme == "blend":
        return "-".join(stem(name) for name in parsed.names)
    name = Path(parsed.names[0]).stem
    return f"{name}-{parsed.seed}" if parsed.scheme == "generator" else name


def mask_source(text: str) -> list[str]:
    """Return the source of a mask, without the sign of the inverse and without the colour, as a list of one text.

    >>> mask_source("~map.png#ff0000")
    ['map.png']
    """
    return [re.sub(r"#[0-9a-fA-F]{6}$", "", text.lstrip("~"))]


_SYNTAX = {
    "sample": "sample:NAME",
    "blend": "blend:SOURCE,TARGET?mask=MASK&at=X,Y&gradients=mixed",
    "generator": "generator:FILE.onnx?seed=7",
    "strokes": "strokes:FILE.json",
}


def _options(query: str, scheme: str) -> dict[str, str]:
    """Return the options in a query. Raises UsageError for an option that the scheme lacks."""
    options = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        choose(dict.fromkeys(OPTIONS[scheme]), name, f"option of {scheme}:")
        options[name] = value
    return options


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # the text is too long for a name, or has a null character
        return False
