"""Checks of the words of a command line before they are parsed: empty words, and files that begin with a dash."""

from __future__ import annotations

import os
from collections.abc import Sequence

from impasto.errors import UsageError

END = "--"
"""Words after this one are no flags."""


def refuse_empty(words: Sequence[str]) -> None:
    """Raise UsageError for an empty word, most often a variable of a script that is not set.

    An empty name of a file would be the current folder.
    """
    flags = words[: words.index(END)] if END in words else words
    for before, word in zip(("impasto", *words), words, strict=False):
        if not word:
            raise UsageError(f"the argument after '{before}' is empty; is a variable of a script not set?")
    for word in flags:
        name, sign, value = word.partition("=")
        if word.startswith("--") and sign and not value:
            raise UsageError(f"{name} is empty; is a variable of a script not set?")


def dashed_file(words: Sequence[str]) -> str:
    """Return a hint if a word that was parsed as a flag is also a file, or an empty string."""
    flags = words[: words.index(END)] if END in words else words
    for before, word in zip(("impasto", *flags), flags, strict=False):
        if word.startswith("-") and not before.startswith("-") and os.path.lexists(word):
            return f"; '{word}' is also a file: write .{os.sep}{word} for that"
    return ""
