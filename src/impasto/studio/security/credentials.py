"""Secrets of the administrator: the password, and the key that signs the tokens of visitors."""

from __future__ import annotations

import os
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from impasto.errors import UsageError

VARIABLE = "IMPASTO_PASSWORD"
SHORTEST = 8
LONGEST = 1024
KEY_BYTES = 32


def normal(password: str) -> bytes:
    """Return the bytes of a password, the same ones for characters that keyboards compose in different ways (NFC).

    >>> normal("caf\\u00e9") == normal("cafe\\u0301")
    True
    """
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def check_password(password: str, origin: str = "the password") -> str:
    """Return the password. Raises UsageError, with `origin` in the message, if it is empty, too short or too long.

    >>> check_password("correct horse")
    'correct horse'
    >>> check_password("horse")
    Traceback (most recent call last):
    ...
    impasto.errors.UsageError: the password has 5 characters; at least 8 are needed
    """
    if not password.strip():
        raise UsageError(f"{origin} is empty; leave it out, or give it at least {SHORTEST} characters")
    count = len(unicodedata.normalize("NFC", password))
    if count < SHORTEST:
        raise UsageError(f"{origin} has {count} characters; at least {SHORTEST} are needed")
    if count > LONGEST:
        raise UsageError(f"{origin} has {count} characters; at most {LONGEST} are allowed")
    return password


def read_password(environment: Mapping[str, str], file: Path | None = None) -> str | None:
    """Return the password of the variable IMPASTO_PASSWORD or of a file; None if there is neither.

    One line break at the end of the file does not belong to the password. Raises UsageError for a password that
    `check_password` refuses, for two passwords, and for a file that cannot be read, that is not a text in UTF-8, or
    (except on Windows) that other users may read or write.

    >>> read_password({"IMPASTO_PASSWORD": "correct horse"})
    'correct horse'
    """
    if file is None:
        return check_password(environment[VARIABLE], VARIABLE) if VARIABLE in environment else None
    if VARIABLE in environment:
        raise UsageError(f"the password is given twice, by {VARIABLE} and by the file '{file}'; leave one out")
    return check_password(_text(file), f"the password in '{file}'")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            # Of the open file, since another one could take its place between a check and the reading.
            mode = os.fstat(handle.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageError(f"other users may read '{file}', the file of the password; run: chmod 600 '{file}'")
            content = handle.read(4 * LONGEST + 3)
    except OSError as error:
        raise UsageError(f"cannot read '{file}', the file of the password: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"'{file}', the file of the password, must be a text in UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if "\n" in text:
        raise UsageError(f"'{file}', the file of the password, must have one line")
    return text


def read_key(file: Path) -> bytes:
    """Return the key of 32 bytes in `file`, which is made, for its owner alone, if it is missing.

    With a lasting key, visitors keep their pictures when the studio starts again. Raises UsageError if the file cannot
    be read or written, or has another length.
    """
    try:
        with suppress(FileExistsError):
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(number, "wb") as handle:
                handle.write(secrets.token_bytes(KEY_BYTES))
        with file.open("rb") as handle:
            key = handle.read(KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read or write '{file}', the key of visitors: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise UsageError(f"'{file}', the key of visitors, is damaged; remove it, and a new one is made")
    return key
