"""Random crops of the photos, or paintings, of a folder; a crop depends on the seed and its number alone.

So a run that continues from a checkpoint, or on several processes, has the same crops as an uninterrupted run of one
process.
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
"""Number of photos that are held back from training, for sheets; fewer of a small folder."""

LEAST = 16
"""Least shorter side of a photo, in pixels: smaller ones are lines or icons."""

CACHE_BYTES = 1 << 30
"""Size of the cache of decoded photos, in bytes."""


def keyed_generator(*key: object) -> torch.Generator:
    """Return a random generator whose seed is a hash of the key."""
    digest = hashlib.sha256(" ".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def shuffled_index(count: int, k: int, *key: object) -> int:
    """Return the k-th index out of `count`; the indices are shuffled again after each pass."""
    turn, place = divmod(k, count)
    return int(torch.randperm(count, generator=keyed_generator(*key, turn))[place])


def pictures_in(folder: str | Path) -> Folder:
    """Return the pictures in a folder and its folders, by name. Raises UsageError where there are none."""
    if not str(folder) or not Path(folder).is_dir():
        raise UsageError(f"'{folder}' is no folder; expected one with pictures")
    found = survey(folder, recursive=True)
    if not found.pictures:
        raise UsageError(f"there are no pictures in '{folder}' ({', '.join(sorted(READABLE))})")
    return found


class Photos:
    """The photos of a folder: random crops for training, and photos that are held back, `held()`.

    A photo that cannot be read, or is too small, is left out with a notice, and the next one is taken instead;
    a folder with nothing to read is an error when the first piece is wanted. `longest`: the longer side to which larger
    ones are brought. `what`: what they are called, if not photos.
    """

    def __init__(self, folder: str | Path, seed: int = 0, longest: int | None = None, what: str = "photo") -> None:
        self.folder, self.seed, self.longest, self.what = Path(folder), seed, longest, what
        found = pictures_in(folder)
        paths = found.pictures
        order = torch.randperm(len(paths), generator=keyed_generator(seed, "held", what)).tolist()
        back = min(HELD, (len(paths) - 1) // 2)
        self._held_back = [paths[k] for k in order[:back]] or list(paths)
        self.paths = [paths[k] for k in sorted(order[back:])]
        self._cache: dict[Path, Tensor] = {}
        self._cache_left = CACHE_BYTES
        self._unreadable: dict[Path, str] = {}
        self._too_narrow: set[Path] = set()
        self._notices = found.notices()

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
        """Return the photos that are held back, `(1, 3, h, w)`, with a longer side of `size`.

        Photos that cannot be read, or are too narrow for networks at this size, are left out.
        """
        found = [(path, photo) for path in self._held_back if (photo := self._read(path)) is not None]
        wide = [photo for path, photo in found if self._fits(path, photo, size)]
        return [fit(photo.float() / 255, size).clamp_(0, 1) for photo in wide]

    def _fits(self, path: Path, photo: Tensor, size: int) -> bool:
        height, width = photo.shape[-2:]
        if min(fitted_size((height, width), size)) >= SMALLEST:
            return True
        if path not in self._too_narrow:
            self._too_narrow.add(path)
            what = f"{width}x{height}, too narrow to be looked at as a whole at {size} px"
            self._notices.append(f"'{path}' is {what}; left out")
        return False

    def random_crop(self, k: int, size: int) -> Tensor:
        """Return the k-th crop of a run, `(1, 3, size, size)` in [0, 1], perhaps mirrored.

        It is a random square of a photo, with a side from `size` pixels to the shorter side of the photo.
        """
        photo, generator = self._photo(k), keyed_generator(self.seed, "piece", self.what, k)
        height, width = photo.shape[-2:]
        least, largest = min(size, height, width), min(height, width)
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = round(least * (largest / least) ** share)
        top, left = round(down * (height - side)), round(right * (width - side))
        found = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return found.flip(3) if mirrored < 0.5 else found

    def scaled_crop(self, k: int, size: int, least: float, most: float) -> Tensor:
        """Return the k-th crop of a run, `(1, 3, size, size)` in [0, 1], perhaps mirrored.

        It is a random square of a photo that is scaled to a longer side between `least` and `most` pixels; at most as
        large as the shorter side.
        """
        photo, generator = self._photo(k), keyed_generator(self.seed, "close", self.what, k)
        height, width = photo.shape[-2:]
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = min(round(size * max(height, width) / (least + (most - least) * share)), height, width)
        top, left = round(down * (height - side)), round(right * (width - side))
        found = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return found.flip(3) if mirrored < 0.5 else found

    def _photo(self, k: int) -> Tensor:
        chosen = shuffled_index(len(self.paths), k, self.seed, self.what)
        for path in self.paths[chosen:] + self.paths[:chosen]:
            photo = self._read(path)
            if photo is not None:
                return photo
        raise UsageError(f"no {self.what} in '{self.folder}' can be used: {next(iter(self._unreadable.values()))}")

    def _read(self, path: Path) -> Tensor | None:
        """Read a photo as `(1, 3, H, W)` of bytes, a quarter of the memory of floats; None where it cannot be used."""
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
