"""Training crops: photos, paintings, and what an optimiser makes of them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def load_folder(folder: Path) -> list[Tensor]:
    """Every picture of a folder, sorted by name, as uint8 (3, H, W)."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    images = (ImageOps.exif_transpose(Image.open(p)).convert("RGB") for p in paths)
    return [torch.from_numpy(np.asarray(i).copy()).permute(2, 0, 1) for i in images]


def held_out(photos: list[Tensor], paintings: list[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Pictures held back from training, every twenty-fifth photo and every fortieth painting; the other photos; the
    other paintings."""
    kept = photos[::25] + paintings[::40]
    return kept, [p for i, p in enumerate(photos) if i % 25], [p for i, p in enumerate(paintings) if i % 40]


class Pictures:
    """Random crops `(1, 3, crop, crop)` in [0, 1]; paintings come more often than their number."""

    def __init__(self, photos: list[Tensor], paintings: list[Tensor], crop: int) -> None:
        self.pools = {"photos": photos, "paintings": paintings}
        self.size = crop

    def crop(self, pool: str) -> Tensor:
        image = random.choice(self.pools[pool])
        _, h, w = image.shape
        # From a third of a typical photo's scale to a mild enlargement: strokes and grain of every size.
        side = min(h, w, round(self.size * 2 ** random.uniform(-0.5, 1.2)))
        top, left = random.randint(0, h - side), random.randint(0, w - side)
        x = image[None, :, top : top + side, left : left + side].float() / 255
        if side != self.size:
            x = F.interpolate(x, size=(self.size, self.size), mode="bicubic", antialias=side > self.size).clamp(0, 1)
        if random.random() < 0.5:
            x = x.flip(3)
        return x.transpose(2, 3) if random.random() < 0.2 else x

    def __call__(self) -> Tensor:
        x = self.crop("paintings" if random.random() < 0.4 else "photos")
        if random.random() < 0.15:
            x = torch.lerp(x, self.crop(random.choice(list(self.pools))), random.uniform(0.2, 0.8))
        if random.random() < 0.4:
            x = (x - 0.5) * (1 + 0.4 * torch.randn(1, 3, 1, 1)) + 0.5 + 0.15 * torch.randn(1, 3, 1, 1)
        if random.random() < 0.1:
            x = F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1)
        if random.random() < 0.5:
            grain = random.choice([1, 1, 2, 4])
            noise = torch.randn(1, random.choice([1, 3, 3]), -(-self.size // grain), -(-self.size // grain))
            if grain > 1:
                noise = F.interpolate(noise, scale_factor=grain, mode="bilinear")[..., : self.size, : self.size]
            x = x + 0.25 * random.random() ** 2 * noise
        return x.clamp(0, 1)
