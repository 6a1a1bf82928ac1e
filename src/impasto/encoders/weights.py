"""The published weight files: which there are, where they are kept, and how they get there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from impasto.encoders.download import DownloadError, Progress, download, sha256
from impasto.errors import ImpastoError, UsageError, choose

BASE = "https://download.pytorch.org/models"


@dataclass(frozen=True)
class Published:
    """A file of torchvision's. By its custom the name ends in the first digits of the SHA-256: `vgg19-dcbb9e9d.pth`."""

    file: str
    megabytes: int  # about, for a person to know before a download

    @property
    def digest(self) -> str:
        """The hex digits that the file's SHA-256 must begin with."""
        return Path(self.file).stem.rsplit("-", 1)[-1]


PUBLISHED = {
    "vgg16": Published("vgg16-397923af.pth", 553),
    "vgg19": Published("vgg19-dcbb9e9d.pth", 575),
    "resnet50": Published("resnet50-0676ba61.pth", 103),
}


@dataclass(frozen=True)
class Status:
    """What is known of one network's file. `size`: bytes on the disk, or about what a download would take.

    `verified`: whether the hash is right; None if it was not computed.
    """

    name: str
    path: Path
    size: int
    present: bool
    verified: bool | None


def home() -> Path:
    """The folder for what Impasto keeps: $IMPASTO_HOME, or `impasto` in the platform's folder for caches."""
    if chosen := os.environ.get("IMPASTO_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "impasto"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "impasto"
    caches = os.environ.get("XDG_CACHE_HOME", "")  # its specification says to pass over a relative one
    return (Path(caches) if Path(caches).is_absolute() else Path.home() / ".cache") / "impasto"


def where(name: str | None = None) -> Path:
    """The folder of the weight files, or the path that one network's file has or will have."""
    folder = home() / "weights"
    return folder if name is None else folder / _published(name).file


def fetch(name: str, *, on_progress: Progress | None = None, url: str | None = None) -> Path:
    """The path of the weight file of `name`, downloaded and verified first if it is not there.

    `on_progress(done, total)` hears of bytes. `url` replaces the whole address; $IMPASTO_WEIGHTS_URL replaces the part
    before the file's name, for a mirror. The hash is checked whatever the source. Raises ImpastoError saying what to
    do.
    """
    entry, target = _published(name), where(name)
    if target.is_file():
        return target
    source = url or f"{(os.environ.get('IMPASTO_WEIGHTS_URL') or BASE).rstrip('/')}/{entry.file}"
    try:
        download(source, target, digest=entry.digest, on_progress=on_progress)
    except DownloadError as error:
        raise ImpastoError(
            f"{error}. Run `impasto weights fetch {name}` again, or on a machine with a network and copy the file to "
            f"{target}; or give a file with --weights FILE; or use `lite`, which works offline"
        ) from error
    return target


def verify(name: str) -> Path:
    """The path of the file of `name`, its hash computed anew. Raises ImpastoError if it is absent or damaged."""
    entry, path = _published(name), where(name)
    if not path.is_file():
        raise ImpastoError(f"{path} is not there; `impasto weights fetch {name}` gets it")
    found = _hash(path)
    if not found.startswith(entry.digest):
        digits = found[: len(entry.digest)]
        raise ImpastoError(
            f"{path} is damaged: SHA-256 {digits}, expected {entry.digest}; delete it and fetch it again"
        )
    return path


def status(*, check: bool = False) -> list[Status]:
    """Every published network and its file; with `check` the hashes of those that are present, which takes seconds."""
    return [_status(name, entry, check) for name, entry in PUBLISHED.items()]


def _status(name: str, entry: Published, check: bool) -> Status:
    path = where(name)
    present = path.is_file()
    verified = _hash(path).startswith(entry.digest) if present and check else None
    return Status(name, path, path.stat().st_size if present else entry.megabytes * 10**6, present, verified)


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ImpastoError(f"cannot read {path} ({error.strerror})") from error


def _published(name: str) -> Published:
    if name == "lite":
        raise UsageError("the weights of 'lite' are inside the package: there is nothing to fetch or verify")
    return choose(PUBLISHED, name, "network")
