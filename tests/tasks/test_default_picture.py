"""What a default run makes of a photo, by measures that the run does not have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, gaussian_filter
from torch import Tensor

import impasto
from impasto import encoders
from impasto.image import load, resize

PHOTO, PAINTING, SIDE = "sample:chelsea", "sample:flow", 144

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def light(picture: Tensor) -> np.ndarray:
    return picture[0].double().mean(0).numpy()


def grams(picture: Tensor) -> list[np.ndarray]:
    """Of VGG-19's features; the run looks through another network."""
    features = encoders.load("vgg19")(picture, LAYERS)
    flat = [features[layer][0].flatten(1).double().numpy() for layer in LAYERS]
    return [f @ f.T / f.shape[1] for f in flat]


def speckle(picture: Tensor) -> float:
    """Deviation of the noise (Immerkaer 1996): what a difference of two Laplacians finds, that lines pass."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(convolve(light(picture), mask)).mean())


def forms(picture: Tensor) -> np.ndarray:
    return gaussian_filter(light(picture), SIDE / 48)


class Judge:
    """Three measures of a picture: style removed, content kept, speckle."""

    def __init__(self, photo: Tensor, painting: Tensor) -> None:
        self.photo, self.painting, self.goal = photo, painting, grams(painting)

    def style_left(self, picture: Tensor) -> float:
        """The distance of Gram matrices to the painting's, relative to the photo's distance."""
        away = [
            sum(((own - goal) ** 2).sum() / (goal**2).sum() for own, goal in zip(grams(p), self.goal, strict=True))
            for p in (picture, self.photo)
        ]
        return float(away[0] / away[1])

    def content_kept(self, picture: Tensor) -> float:
        """The correlation of blurred light with the photo's."""
        return float(np.corrcoef(forms(picture).ravel(), forms(self.photo).ravel())[0, 1])

    def speckled(self, picture: Tensor) -> float:
        """Relative to the noisier of photo and painting."""
        return speckle(picture) / max(speckle(self.photo), speckle(self.painting))

    def is_good(self, picture: Tensor) -> tuple[bool, bool, bool]:
        """A default picture came to 0.05, 0.87 and 0.52; each bound is far from that, and from the counterexamples."""
        return self.style_left(picture) < 0.2, self.content_kept(picture) > 0.6, self.speckled(picture) < 0.95


@pytest.fixture(scope="module")
def made() -> Tensor:
    return impasto.stylize(PHOTO, PAINTING, impasto.StylizeSettings(size=SIDE))


@pytest.fixture(scope="module")
def judge(made: Tensor) -> Judge:
    return Judge(*(resize(load(name).pixels, made.shape[-2:]).clamp(0, 1) for name in (PHOTO, PAINTING)))


def test_the_default_picture_has_the_style_and_the_content_and_no_speckle(made, judge):
    assert judge.is_good(made) == (True, True, True)


def test_the_photo_has_no_style(judge):
    assert judge.is_good(judge.photo)[0] is False


def test_a_texture_has_no_content(judge):
    texture = impasto.texture(PAINTING, impasto.TextureSettings(size=SIDE, steps=30, scales=1))
    fitted = resize(texture, judge.photo.shape[-2:]).clamp(0, 1)
    for each in (fitted, judge.painting):
        assert judge.is_good(each)[1] is False


def test_noise_is_speckle(made, judge):
    draw = torch.Generator().manual_seed(0)
    noisy = (made + 0.06 * torch.randn(made.shape, generator=draw)).clamp(0, 1)
    assert judge.is_good(noisy)[2] is False


def test_half_of_the_way_is_not_enough(made, judge):
    assert judge.is_good(torch.lerp(judge.photo, made, 0.5))[0] is False
