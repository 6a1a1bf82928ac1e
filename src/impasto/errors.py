"""The errors Impasto raises, and the one way to look a name up in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class ImpastoError(Exception):
    """Something went wrong that the caller may want to tell a person in one line (the command line exits with 1)."""


class UsageError(ImpastoError, ValueError):
    """What was asked for cannot be done as asked: a wrong name, value or file (the command line exits with 2)."""


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint ` (did you mean 'x'?)` with the name closest to `name` but not equal to it, or an empty string."""
    table = {known.lower(): known for known in names if known != name}
    match = get_close_matches(name.lower(), table, n=1, cutoff=0.5)
    return f" (did you mean '{table[match[0]]}'?)" if match else ""


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """`table[name]`, or a UsageError that says what came, what is nearest and what is allowed.

    `what` names the kind of thing in the message, for example "layer" or "optimizer".
    """
    if name in table:
        return table[name]
    raise UsageError(f"unknown {what} '{name}'{nearest(name, table)}; allowed: {', '.join(table)}")
