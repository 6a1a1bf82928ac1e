"""The errors of Impasto, and the lookup of names in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class ImpastoError(Exception):
    """An error with a message of one line for the user (the command line exits with 1).

    >>> issubclass(UsageError, ImpastoError)
    True
    """


class UsageError(ImpastoError, ValueError):
    """A wrong name, value or file (the command line exits with 2)."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint ` (did you mean 'x'?)` with the closest name that differs from `name`, or an empty string."""
    table = {known.lower(): known for known in names if known != name}
    match = get_close_matches(name.lower(), table, n=1, cutoff=0.5)
    return f" (did you mean '{table[match[0]]}'?)" if match else ""


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """Return `table[name]`. Raises UsageError with the name, the nearest one and all allowed ones.

    `what` is the kind of the name in the message, for example "layer" or "optimizer".
    """
    if name in table:
        return table[name]
    raise UsageError(f"unknown {what} '{name}'{nearest(name, table)}; allowed: {', '.join(table)}")
