"""Pieces of the photos, or the paintings, of a folder, each drawn from a seed and its number alone.

So a run that was killed sees, after it has gone on, what it would have seen; and several processes that share a batch
see what one would.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import fit, fitted_size, load, reduced, resize
from impasto.image.folder import Folder, survey
from impasto.image.formats import READABLE
from impasto.networks.transformer import SMALLEST

HELD = 3
"""Photos that are not learnt from, but looked at; fewer of a small folder."""

LEAST = 16
"""Photos with a shorter side below this, in pixels, are lines or icons: pieces of them show nothing."""

KEPT = 1 << 30
"""Bytes of photos that are kept once they are read, as long as there is room."""


def draws(*key: object) -> torch.Generator:
    """Random numbers that depend on the key alone."""
    digest = hashlib.sha256(" ".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def shuffled(count: int, k: int, *key: object) -> int:
    """The k-th draw out of `count`: each comes once before any comes again, in an order new every time."""
    turn, place = divmod(k, count)
    return int(torch.randperm(count, generator=draws(*key, turn))[place])


def pictures_in(folder: str | Path) -> Folder:
    """The pictures in a folder and the folders in it, by name. Raises UsageError where there are none."""
    if not str(folder) or not Path(folder).is_dir():
        raise UsageError(f"'{folder}' is no folder; expected one with pictures")
    found = survey(folder, recursive=True)
    if not found.pictures:
        raise UsageError(f"there are no pictures in '{folder}' ({', '.join(sorted(READABLE))})")
    return found


class Photos:
    """The photos of a folder: pieces to learn from, and some photos that are held back, `held()`.

    A photo that cannot be read, or is too small, is left out with a notice, and the next one is taken instead;
    a folder with nothing to read is an error when the first piece is wanted. `longest`: the longer side to which larger
    ones are brought. `what`: what they are called, if not photos.
    """

    def __init__(self, folder: str | Path, seed: int = 0, longest: int | None = None, what: str = "photo") -> None:
        self.folder, self.seed, self.longest, self.what = Path(folder), seed, longest, what
        found = pictures_in(folder)
        paths = found.pictures
        order = torch.randperm(len(paths), generator=draws(seed, "held", what)).tolist()
        back = min(HELD, (len(paths) - 1) // 2)
        self._back = [paths[k] for k in order[:back]] or list(paths)
        self.paths = [paths[k] for k in sorted(order[back:])]
        self._kept: dict[Path, Tensor] = {}
        self._room = KEPT
        self._broken: dict[Path, str] = {}
        self._narrow: set[Path] = set()
        self._notices = found.notices()

    def fingerprint(self) -> str:
        """What tells this folder from another one: names and lengths of files."""
        about = [(path.relative_to(self.folder).as_posix(), path.stat().st_size) for path in self.paths]
        return hashlib.sha256(repr(about).encode()).hexdigest()

    def pop_notice(self) -> str:
        """What a person should know that was not told before."""
        notices, self._notices = self._notices, []
        return "; ".join(notices)

    def held(self, size: int) -> list[Tensor]:
        """The photos that are held back, `(1, 3, h, w)`, their longer side `size`; those that can be read, and are then
        no narrower than networks see."""
        found = [(path, photo) for path in self._back if (photo := self._read(path)) is not None]
        wide = [photo for path, photo in found if self._fits(path, photo, size)]
        return [fit(photo.float() / 255, size).clamp_(0, 1) for photo in wide]

    def _fits(self, path: Path, photo: Tensor, size: int) -> bool:
        height, width = photo.shape[-2:]
        if min(fitted_size((height, width), size)) >= SMALLEST:
            return True
        if path not in self._narrow:
            self._narrow.add(path)
            what = f"{width}x{height}, too narrow to be looked at as a whole at {size} px"
            self._notices.append(f"'{path}' is {what}; left out")
        return False

    def piece(self, k: int, size: int) -> Tensor:
        """The k-th piece of a run, `(1, 3, size, size)` in [0, 1]: any square of a photo, from one of `size` pixels to
        the largest there is, and perhaps its mirror image."""
        photo, generator = self._photo(k), draws(self.seed, "piece", self.what, k)
        height, width = photo.shape[-2:]
        least, largest = min(size, height, width), min(height, width)
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = round(least * (largest / least) ** share)
        top, left = round(down * (height - side)), round(right * (width - side))
        found = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return found.flip(3) if mirrored < 0.5 else found

    def close(self, k: int, size: int, least: float, most: float) -> Tensor:
        """The k-th piece of a run, `(1, 3, size, size)` in [0, 1]: a square of a photo as it is seen at a longer side
        between `least` and `most` pixels, and perhaps its mirror image; all of its width where that is less."""
        photo, generator = self._photo(k), draws(self.seed, "close", self.what, k)
        height, width = photo.shape[-2:]
        share, down, right, mirrored = torch.rand(4, generator=generator).tolist()
        side = min(round(size * max(height, width) / (least + (most - least) * share)), height, width)
        top, left = round(down * (height - side)), round(right * (width - side))
        found = resize(photo[..., top : top + side, left : left + side].float() / 255, (size, size)).clamp(0, 1)
        return found.flip(3) if mirrored < 0.5 else found

    def _photo(self, k: int) -> Tensor:
        chosen = shuffled(len(self.paths), k, self.seed, self.what)
        for path in self.paths[chosen:] + self.paths[:chosen]:
            photo = self._read(path)
            if photo is not None:
                return photo
        raise UsageError(f"no {self.what} in '{self.folder}' can be used: {next(iter(self._broken.values()))}")

    def _read(self, path: Path) -> Tensor | None:
        """A photo in whole levels, `(1, 3, H, W)` of bytes: a quarter of the memory."""
        if path in self._kept or path in self._broken:
            return self._kept.get(path)
        try:
            picture = load(path)
            if min(picture.size) < LEAST:
                height, width = picture.size
                raise UsageError(f"'{path}' is {width}x{height}; a {self.what} needs at least {LEAST} px a side")
            if not picture.whole:
                raise UsageError(picture.notices[0])
            photo = (reduced(picture, self.longest).pixels * 255).round_().to(torch.uint8)
        except UsageError as error:
            self._broken[path] = str(error)
            self._notices.append(f"{error}; left out")
            return None
        if photo.nbytes <= self._room:
            self._room -= photo.nbytes
            self._kept[path] = photo
        return photo
