"""Errors as one line for the user and an exit code, never a traceback; and checks of a command line before parsing."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

import typer

from impasto.errors import ImpastoError, UsageError

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

TRACEBACK = "IMPASTO_TRACEBACK"
"""Environment variable that shows the traceback of an error."""

END = "--"
"""Words after this one are no flags."""

# Typer has its own copy of click since about 0.16; older versions use click. This is the right class for both.
_CLICK_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

_ALLOCATION = ("can't allocate memory", "not enough memory", "out of memory", "failed to allocate")


class Interrupted(ImpastoError):  # noqa: N818 (it is no error)
    """Ctrl-C or another signal stopped the run; the message says where the picture is."""


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line to show and the exit code of `error`. With the variable TRACEBACK, `error` is raised.

    >>> explain(UsageError("unknown sample 'flwo' (did you mean 'flow'?)"))
    ("unknown sample 'flwo' (did you mean 'flow'?)", 2)
    """
    if os.environ.get(TRACEBACK):
        raise error
    return " ".join(_message(error).split()), _code(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was exhausted, here or on the device: a plain RuntimeError of torch, or an OSError."""
    text = str(error).lower()
    if isinstance(error, OSError):  # of a mapping
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(t in text for t in _ALLOCATION))


def is_of_click(error: BaseException) -> bool:
    """Return whether the command line could not be parsed."""
    return isinstance(error, _CLICK_ERROR)


def refuse_empty(words: Sequence[str]) -> None:
    """Raise UsageError for an empty word, most often a variable of a script that is not set.

    An empty file name would mean the current folder.
    """
    for before, word in zip(("impasto", *words), words, strict=False):
        if not word:
            raise UsageError(f"the argument after '{before}' is empty; is a variable of a script not set?")
    for word in _before_end(words):
        name, sign, value = word.partition("=")
        if word.startswith("--") and sign and not value:
            raise UsageError(f"{name} is empty; is a variable of a script not set?")


def dashed_file(words: Sequence[str]) -> str:
    """Return a hint if a word that was parsed as a flag is also a file, or an empty string."""
    flags = _before_end(words)
    for before, word in zip(("impasto", *flags), flags, strict=False):
        if word.startswith("-") and not before.startswith("-") and os.path.lexists(word):
            return f"; '{word}' is also a file: write .{os.sep}{word} for that"
    return ""


def _before_end(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index(END)] if END in words else words


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt | Interrupted | typer.Abort):
        return INTERRUPTED
    if isinstance(error, UsageError):
        return 2
    return int(getattr(error, "exit_code", 1)) if isinstance(error, _CLICK_ERROR) else 1


def _message(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "stopped"
    if isinstance(error, ImpastoError):
        return str(error)
    if isinstance(error, _CLICK_ERROR):
        return _click_message(error)
    if is_out_of_memory(error):
        return "there is not enough memory for this; smaller pictures need less (--size, where there is one)"
    if isinstance(error, OSError):
        name = f"'{error.filename}': " if error.filename else ""
        return f"{name}{error.strerror or error}"
    return f"{type(error).__name__}: {error} ({TRACEBACK}=1 shows where)"


def _click_message(error: BaseException) -> str:
    message: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    return message[:1].lower() + message[1:].rstrip(".") + hint
