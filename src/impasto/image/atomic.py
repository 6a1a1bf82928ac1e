"""Put a whole file in place, or leave everything as it was; and a name for a file that every library takes."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from impasto.errors import ImpastoError, UsageError


def check_place(path: Path) -> None:
    """Raise UsageError where no file can come to be at `path`."""
    try:
        _check_place(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror or error}") from error


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"'{path}' cannot be written: there is no folder '{path.parent}'")
    if path.is_dir():
        raise UsageError(f"'{path}' cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        raise UsageError(f"'{path}' cannot be written: it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"'{path}' cannot be written: it is protected against writing")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"'{path}' cannot be written: the folder '{path.parent}' is protected against writing")


def replace_file(path: Path, data: bytes, *, temporary: str | None = None) -> None:
    """Make `data` the content of `path`, all of it or nothing.

    The bytes go to a temporary file in the same folder, onto the disk, and then under the name. Whatever interrupts
    this, a full disk or Ctrl-C, the old file stays and the temporary one goes. A new file has the usual permissions of
    the user, a replaced one keeps its own, and a link keeps pointing to the file that it names. `temporary` is the name
    of the file in between, a new one every time by default; whoever writes again after being killed gives one, and
    finds no remains. Raises ImpastoError.
    """
    try:
        _replace(Path(os.path.realpath(path)), data, temporary)
    except OSError as error:
        raise ImpastoError(f"'{path}' was not written: {error.strerror or error}") from error


def _replace(path: Path, data: bytes, name: str | None) -> None:
    # Opened by name and not through `tempfile`, whose files nobody but their owner may read.
    temporary = path.parent / (name or f".impasto-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("wb" if name else "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def in_utf8(path: Path) -> Iterator[str]:
    """The name of `path`; where that is no UTF-8, which safetensors and torch do not take, the name of a link to it."""
    if not any("\udc80" <= sign <= "\udcff" for sign in str(path)):
        yield str(path)
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "file"
        link.symlink_to(path.absolute())
        yield str(link)
