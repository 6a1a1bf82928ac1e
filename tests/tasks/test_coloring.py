"""Colours of areas, each by its own."""

import pytest
import torch

from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.scene import coloring
from impasto.tasks.scene.areas import Area, StyleImage


def noisy(color: tuple[float, float, float], seed: int) -> torch.Tensor:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 0.2
    return torch.tensor(color).view(1, 3, 1, 1) + noise


RED, BLUE, GREY = noisy((0.7, 0.1, 0.1), 0), noisy((0.1, 0.1, 0.7), 1), noisy((0.4, 0.4, 0.4), 2)
LEFT = torch.zeros(1, 1, 32, 32)
LEFT[..., :16] = 1
PHOTO = torch.where(LEFT.bool(), RED, BLUE)
AREAS = [Area("left", (StyleImage(GREY),), LEFT), Area("right", (StyleImage(GREY),), 1 - LEFT)]


def mean(picture: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    mask = torch.ones_like(picture[:, :1]) if mask is None else mask
    return (picture * mask).sum((0, 2, 3)) / mask.sum()


@pytest.mark.parametrize("method", ["transport", "mean", "pca", "cholesky", "histogram"])
def test_each_painting_gets_the_colours_of_its_own_area(method):
    settings = StylizeSettings(match_colors=method)
    left, right = coloring.recolor_styles(AREAS, PHOTO, settings)
    torch.testing.assert_close(mean(left.style_images[0].pixels), mean(RED, LEFT), atol=0.02, rtol=0)
    torch.testing.assert_close(mean(right.style_images[0].pixels), mean(BLUE, 1 - LEFT), atol=0.02, rtol=0)


def test_matched_after_the_run_each_area_gets_its_own_colours_back():
    settings = StylizeSettings(match_colors="transport", match_when="after")
    assert coloring.recolor_styles(AREAS, PHOTO, settings)[0].style_images[0].pixels is GREY
    made = coloring.final_image(GREY, PHOTO, AREAS, settings)
    torch.testing.assert_close(mean(made, LEFT), mean(RED, LEFT), atol=0.02, rtol=0)
    torch.testing.assert_close(mean(made, 1 - LEFT), mean(BLUE, 1 - LEFT), atol=0.02, rtol=0)


def test_the_start_takes_each_areas_palette_and_that_of_a_mixture_in_its_shares():
    both = Area("picture", (StyleImage(RED, share=0.75), StyleImage(BLUE, share=0.25)))
    made = coloring.recolor_content([both], GREY, 1.0)
    torch.testing.assert_close(mean(made), 0.75 * mean(RED) + 0.25 * mean(BLUE), atol=0.02, rtol=0)
    assert torch.equal(coloring.recolor_content([both], GREY, 0.0), GREY)
    masked = Area("picture", (StyleImage(PHOTO, LEFT),))
    torch.testing.assert_close(mean(coloring.recolor_content([masked], GREY, 1.0)), mean(RED, LEFT), atol=0.02, rtol=0)


def test_a_run_in_light_alone_sees_grey_paintings_in_the_photos_range():
    settings = StylizeSettings(keep_color="ycbcr", match_luminance=True)
    (area,) = coloring.recolor_styles([Area("picture", (StyleImage(RED),))], GREY, settings)
    pixels = area.style_images[0].pixels
    assert torch.equal(pixels[:, 0], pixels[:, 2])
    assert float(pixels.mean()) == pytest.approx(float(GREY.mean()), abs=0.01)
    assert coloring.working_image(PHOTO, settings).shape == (1, 1, 32, 32)
