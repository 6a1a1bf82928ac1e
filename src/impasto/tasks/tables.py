"""Tables in files that people write: settings, and the specs of sweeps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, nearest


def read_table(file: str | Path) -> dict[str, Any]:
    """The table in a `.toml` or `.json` file, its keys not yet checked. Raises UsageError."""
    path = Path(file)
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise UsageError(f"a .toml or .json file is expected, not '{file}'")
    try:
        table = parse(path.read_text(encoding="utf-8"))
    except UsageError:  # a ValueError, as those of the parsers below
        raise
    except FileNotFoundError:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(f"no such file '{file}'{nearest(path.name, names)}") from None
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # also of text that is not UTF-8
        raise UsageError(f"'{file}' is not valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(table, dict):
        raise UsageError(f"'{file}' holds a {type(table).__name__}; expected a table")
    return table


def _toml(text: str) -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


_PARSERS: dict[str, Callable[[str], Any]] = {".toml": _toml, ".json": json.loads}
