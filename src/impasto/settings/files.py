"""TOML and JSON files that users write: settings, and the specs of sweeps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, nearest


def read_table(file: str | Path) -> dict[str, Any]:
    """Return the table in a `.toml` or `.json` file. The names in it are not checked.

    The text is in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark, because Windows writes all of these.
    Raises UsageError for another suffix, for a file that cannot be read, and for a text that is not a valid table.

    >>> from pathlib import Path
    >>> _ = Path("settings.toml").write_text("size = 512")
    >>> read_table("settings.toml")
    {'size': 512}
    """
    path = Path(file)
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise UsageError(f"a .toml or .json file is expected, not '{file}'")
    try:
        table = parse(_decode(path.read_bytes(), file))
    except UsageError:  # UsageError is a ValueError; the message of `_decode` must not change
        raise
    except FileNotFoundError:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(f"no such file '{file}'{nearest(path.name, names)}") from None
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{file}' is not valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(table, dict):
        raise UsageError(f"'{file}' holds a {type(table).__name__}; expected a table")
    return table


def _decode(data: bytes, file: str | Path) -> str:
    encoding = json.detect_encoding(data)  # from the byte-order mark, or from zero bytes in the first characters
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        place = f"byte 0x{data[error.start]:02x} in line {line}" if error.start < len(data) else "incomplete at the end"
        raise UsageError(f"'{file}' is no text in {encoding.upper()}: {place}; save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parse_toml(text: str) -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


_PARSERS: dict[str, Callable[[str], Any]] = {".toml": _parse_toml, ".json": json.loads}
