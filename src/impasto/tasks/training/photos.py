"""Random crops of the photos, or paintings, in a folder; a crop depends on the seed and its number alone.

So a run that continues from a checkpoint, or with several processes, has the same crops as one run of one process.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import fit, fitted_size, load, reduced, resize
from impasto.image.folder import Folder, survey
from impasto.image.formats import READABLE
from impasto.networks.inputs import SMALLEST

HELD = 3
"""Number of photos for sheets, which are not used for training; fewer in a small folder."""

LEAST = 16
"""Least shorter side of a photo, in pixels: smaller pictures are lines or icons."""

CACHE_BYTES = 1 << 30
"""Size of the cache of decoded photos, in bytes."""


def keyed_generator(*key: object) -> torch.Generator:
    """Return a random generator whose seed is a hash of the key.

    >>> keyed_generator("a", 1).initial_seed() == keyed_generator("a", 1).initial_seed()
    True
    """
    digest = hashlib.sha256(" ".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def shuffled_index(count: int, k: int, *key: object) -> int:
    """Return the k-th index of a shuffled order of `count` indices, which are shuffled again after each pass.

    >>> sorted(shuffled_index(3, k, "seed") for k in range(3))
    [0, 1, 2]
    """
    epoch, place = divmod(k, count)
    return int(torch.randperm(count, generator=keyed_generator(*key, epoch))[place])


def pictures_in(folder: str | Path) -> Folder:
    """Return the pictures in a folder and its subfolders, by name. Raises UsageError for a folder without pictures."""
    if not str(folder) or not Path(folder).is_dir():
        raise UsageError(f"'{folder}' is no folder; expected one with pictures")
    contents = survey(folder, recursive=True)
    if not contents.pictures:
        raise UsageError(f"there are no pictures in '{folder}' ({', '.join(sorted(READABLE))})")
    return contents


class Photos:
    """The photos in a folder: random crops for training, and photos for sheets, `held()`.

    A photo that cannot be read, or is too small, is left out with a notice, and replaced by the next photo. The first
    crop raises UsageError if no photo can be read.

    longest: the largest longer side; larger photos are reduced.
    what: the word for the pictures in messages.
    """

    def __init__(self, folder: str | Path, seed: int = 0, longest: int | None = None, what: str = "photo") -> None:
        self.folder, self.seed, self.longest, self.what = Path(folder), seed, longest, what
        contents = pictures_in(folder)
        paths = contents.pictures
        order = torch.randperm(len(paths), generator=keyed_generator(seed, "held", what)).tolist()
        back = min(HELD, (len(paths) - 1) // 2)
        self._held_back = [paths[k] for k in order[:back]] or list(paths)
        self.paths = [paths[k] for k in sorted(order[back:])]
        self._cache: dict[Path, Tensor] = {}
        self._cache_left = CACHE_BYTES
        self._unreadable: dict[Path, str] = {}
        self._too_narrow: set[Path] = set()
        self._notices = contents.notices()

    def provenance(self) -> dict[str, Any]:
        """Return the number of photos and the hash of their names and lengths."""
        return {"count": len(self.paths), "sha256": self.fingerprint()}

    def fingerprint(self) -> str:
        """Return a hash of the names and lengths of files."""
        about = [(path.relative_to(self.folder).as_posix(), path.stat().st_size) for path in self.paths]
        return hashlib.sha256(repr(about).encode()).hexdigest()

    def pop_notice(self) -> str:
        """Return the notices for the user, once."""
        notices, self._notices = self._notices, []
        return "; ".join(notices)

    def held(self, size: int) -> list[Tensor]:
        """Return the photos for sheets, `(1, 3, h, w)` in [0, 1], with a longer side of `size`.

        Photos that cannot be read, or are too narrow for networks at this size, are left out.
        """
        photos = [(path, photo) for path in self._held_back if (photo := self._read(path)) is not None]
        wide = [photo for path, photo in photos if self._fits(path, photo, size)]
        return [fit(photo.float() / 255, size).clamp_(0, 1) for photo in wide]

    def _fits(self, path: Path, photo: Tensor, size: int) -> bool:
        """Return whether the photo is wide enough for networks at this size; otherwise add a notice, once."""
        height, width = photo.shape[-2:]
        if min(fitted_size((height, width), size)) >= SMALLEST:
            return True
        if path not in self._too_narrow:
            self._too_narrow.add(path)
            self._notices.append(f"'{path}' is {width}x{height}, too narrow for sheets of {size} px; left out")
        return False

    def random_crop(self, k: int, size: int) -> Tensor:
        """Return the k-th crop of a run, `(1, 3, size, size)` in [0, 1], at random mirrored.

        The crop is a random square of a photo, with a side from `size` pixels to the shorter side of the photo. Raises
        UsageError if no photo can be read.
        """
        photo, generator = self._photo(k), keyed_generator(self.seed, "piece", self.what, k)
        height, width = photo.shape[-2:]
        least, largest = min(size, height, width), min(height, width)
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = round(least * (largest / least) ** share)
        top, left = round(down * (height - side)), round(right * (width - side))
        crop = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return crop.flip(3) if mirrored < 0.5 else crop

    def scaled_crop(self, k: int, size: int, least: float, most: float) -> Tensor:
        """Return the k-th crop of a run, `(1, 3, size, size)` in [0, 1], at random mirrored.

        The crop is a random square of a photo whose longer side is scaled to a random length from `least` to `most`
        pixels; its side is at most the shorter side of the photo. Raises UsageError if no photo can be read.
        """
        photo, generator = self._photo(k), keyed_generator(self.seed, "close", self.what, k)
        height, width = photo.shape[-2:]
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = min(round(size * max(height, width) / (least + (most - least) * share)), height, width)
        top, left = round(down * (height - side)), round(right * (width - side))
        crop = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return crop.flip(3) if mirrored < 0.5 else crop

    def _photo(self, k: int) -> Tensor:
        """Return the k-th photo of the shuffled order, or the next photo that can be read."""
        first = shuffled_index(len(self.paths), k, self.seed, self.what)
        for path in self.paths[first:] + self.paths[:first]:
            photo = self._read(path)
            if photo is not None:
                return photo
        raise UsageError(f"no {self.what} in '{self.folder}' can be used: {next(iter(self._unreadable.values()))}")

    def _read(self, path: Path) -> Tensor | None:
        """Return a photo as bytes `(1, 3, H, W)`, a quarter of the memory of floats; None if it cannot be used."""
        if path in self._cache or path in self._unreadable:
            return self._cache.get(path)
        try:
            picture = load(path)
            if min(picture.size) < LEAST:
                height, width = picture.size
                raise UsageError(f"'{path}' is {width}x{height}; a {self.what} needs at least {LEAST} px a side")
            if not picture.whole:
                raise UsageError(picture.notices[0])
            photo = (reduced(picture, self.longest).pixels * 255).round_().to(torch.uint8)
        except UsageError as error:
            self._unreadable[path] = str(error)
            self._notices.append(f"{error}; left out")
            return None
        if photo.nbytes <= self._cache_left:
            self._cache_left -= photo.nbytes
            self._cache[path] = photo
        return photo
