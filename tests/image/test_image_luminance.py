"""Luminance of pictures, and its combination with their own colours."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from impasto.errors import UsageError
from impasto.image import SPACES, load, luminance, match_luminance, with_luminance

NAMES = list(SPACES)


def photo(name: str) -> torch.Tensor:
    return load(f"sample:{name}").pixels[..., ::4, ::4]


def greys(image: torch.Tensor) -> dict[str, torch.Tensor]:
    noise = torch.rand(1, 1, *image.shape[-2:], generator=torch.Generator().manual_seed(0))
    return {"black": 0 * noise, "white": 0 * noise + 1, "noise": noise, "inverse": 1 - luminance(image)}


def test_luminance_is_each_spaces_own() -> None:
    image = photo("coffee")
    y = (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(luminance(image, "ycbcr"), y)
    lightness = rgb2lab(image[0].permute(1, 2, 0).double().numpy())[..., 0] / 100
    np.testing.assert_allclose(luminance(image, "lab")[0, 0].numpy(), lightness, atol=1e-4)
    assert luminance(torch.ones(2, 3, 4, 5), "oklab").shape == (2, 1, 4, 5)


@pytest.mark.parametrize("space", NAMES)
def test_a_photo_under_its_own_light_is_itself(space: str) -> None:
    image = photo("chelsea")
    torch.testing.assert_close(with_luminance(image, luminance(image, space), space), image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("space", NAMES)
@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_colour_is_the_photos_whatever_the_light(name: str, space: str) -> None:
    """To a hundredth of a level of Cb and Cr, of a* and b*, or of OKLab's a and b with 255 levels from -0.4 to 0.4."""
    image, level = photo(name), {"ycbcr": 1 / 255, "lab": 1.0, "oklab": 0.8 / 255}[space]
    for grey in greys(image).values():
        result = with_luminance(image, grey, space)
        axes, own = (SPACES[space].forward(x.double())[:, 1:] for x in (result, image))
        assert (axes - own).abs().max() < (0.01 if space == "ycbcr" else 0.1) * level


@pytest.mark.parametrize("space", ["ycbcr", "lab"])
@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_colour_is_the_photos_after_rounding_to_8_bits(name: str, space: str) -> None:
    image, level = photo(name), {"ycbcr": 1 / 255, "lab": 1.0}[space]
    for grey in greys(image).values():
        rounded = (with_luminance(image, grey, space) * 255).round().double() / 255
        change = SPACES[space].forward(rounded)[:, 1:] - SPACES[space].forward(image.double())[:, 1:]
        assert change.abs().max() <= level


@pytest.mark.parametrize("space", NAMES)
def test_light_is_that_of_the_grey_wherever_rgb_can_show_it(space: str) -> None:
    image, known = photo("coffee"), SPACES[space]
    for grey in greys(image).values():
        asked = known.backward(torch.cat([grey * known.white, known.forward(image)[:, 1:]], 1))
        shown = ((asked >= 0) & (asked <= 1)).all(1, keepdim=True)
        result = luminance(with_luminance(image, grey, space), space)
        assert (result - grey)[shown].abs().max() < 1e-3 if shown.any() else True
        # Elsewhere it lies between the photo's and what was asked for, and at the edge of what can be shown.
        own = luminance(image, space)
        between = (result - own) * (result - grey)
        assert between.max() < 1e-3
        edge = with_luminance(image, grey, space)[(~shown).expand_as(image)].view(3, -1)
        assert (torch.minimum(edge, 1 - edge).amin(0) < 3e-3).all()


@pytest.mark.parametrize("space", NAMES)
def test_a_grey_photo_takes_any_light(space: str) -> None:
    grey = greys(photo("coffee"))["noise"]
    result = with_luminance(torch.full((1, 3, *grey.shape[-2:]), 0.4), grey, space)
    assert (result.amax(1) - result.amin(1)).max() < 1e-3
    torch.testing.assert_close(luminance(result, space), grey, atol=1e-3, rtol=0)


def test_matched_light_has_the_references_mean_and_deviation() -> None:
    generator = torch.Generator().manual_seed(0)
    grey = 0.2 + 0.1 * torch.rand(1, 1, 20, 30, generator=generator)
    reference = 0.3 + 0.4 * torch.rand(1, 1, 7, 9, generator=generator)
    matched = match_luminance(grey, reference)
    assert matched.mean() == pytest.approx(float(reference.mean()), abs=1e-5)
    assert matched.std(correction=0) == pytest.approx(float(reference.std(correction=0)), rel=1e-4)
    order = grey.flatten().argsort()
    assert (matched.flatten()[order].diff() >= 0).all()


def test_matched_light_of_flat_pictures_is_flat() -> None:
    flat, ramp = torch.full((1, 1, 4, 4), 0.3), torch.linspace(0, 1, 16).view(1, 1, 4, 4)
    torch.testing.assert_close(match_luminance(flat, ramp), torch.full_like(flat, 0.5))
    torch.testing.assert_close(match_luminance(ramp, flat), flat)


def test_what_cannot_be() -> None:
    image = torch.zeros(1, 3, 4, 5)
    with pytest.raises(UsageError, match=r"unknown colour space 'labb' \(did you mean 'lab'\?\)"):
        luminance(image, "labb")
    with pytest.raises(UsageError, match="the light is 4x4 with 1 channel and the photo 5x4 with 3 channels"):
        with_luminance(image, torch.zeros(1, 1, 4, 4))
