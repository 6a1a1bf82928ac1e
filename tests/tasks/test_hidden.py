"""What cannot be seen of a picture takes no part in anything that is made of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from tests.painters import anything, body, many, moving, picture
from tests.tasks.test_apply_passes import code_of

from impasto import encoders
from impasto.errors import UsageError
from impasto.image import Picture, load, match_colors, write
from impasto.networks import TextureNet, layered, tiled
from impasto.networks import TextureSettings as NetSettings
from impasto.networks.rounds import in_rounds
from impasto.settings.editing import ApplySettings, BlendSettings
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.tasks.apply import _pixel_weights, apply
from impasto.tasks.blend import blend
from impasto.tasks.compare import compare, content_distance, psnr, ssim
from impasto.tasks.reconstruct import reconstruct
from impasto.tasks.scene import coloring
from impasto.tasks.scene.areas import Area, StyleImage, read_style_images, visible_areas
from impasto.tasks.scene.regions import Region
from impasto.tasks.stylize import stylize
from impasto.tasks.texture import texture
from impasto.tasks.training.photos import Photos

SIZE = (72, 96)
PHOTO, PAINTING = picture(*SIZE), picture(*SIZE, seed=3)


def shown() -> torch.Tensor:
    """A disc with a soft edge, `(1, 1, H, W)`."""
    rows, columns = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in SIZE), indexing="ij")
    return ((0.8 - torch.hypot(rows, columns)) * 8).clamp(0, 1)[None, None]


def cut(pixels: torch.Tensor, hidden: float, alpha: torch.Tensor | None = None) -> Picture:
    alpha = shown() if alpha is None else alpha
    return Picture(torch.where(alpha > 0, pixels, hidden), alpha)


def small(**changes: object) -> StylizeSettings:
    return StylizeSettings(**({"size": 64, "steps": 2, "scales": 1} | changes))  # type: ignore[arg-type]


def texture_net() -> TextureNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TextureNet(NetSettings(content=True)).eval()


def whole_mask() -> torch.Tensor:
    return torch.ones(1, 1, *SIZE)


MADE: dict[str, Callable[[float], torch.Tensor]] = {
    "stylize": lambda h: stylize(cut(PHOTO, h), PAINTING, small()),
    "photo as the start": lambda h: stylize(cut(PHOTO, h), PAINTING, small(init="photo", content_loss="correlation")),
    "light kept": lambda h: stylize(cut(PHOTO, h), cut(PAINTING, h), small(keep_color="lab", match_luminance=True)),
    "colours before": lambda h: stylize(cut(PHOTO, h), cut(PAINTING, h), small(match_colors="histogram")),
    "colours after": lambda h: stylize(cut(PHOTO, h), PAINTING, small(match_colors="mean", match_when="after")),
    "painting": lambda h: stylize(PHOTO, cut(PAINTING, h), small()),
    "painting as the start": lambda h: stylize(PHOTO, cut(PAINTING, h), small(init="painting")),
    "turned": lambda h: stylize(PHOTO, cut(PAINTING, h), small(rotations="30")),
    "masked": lambda h: stylize(PHOTO, PAINTING, small(), regions=[_region(h)]),
    "reconstruct": lambda h: reconstruct(cut(PHOTO, h), ReconstructSettings(size=64, steps=2, scales=1, init="photo")),
    "texture": lambda h: texture(cut(PAINTING, h), TextureSettings(size=64, steps=2, scales=1)),
    "one pass": lambda h: apply(cut(PHOTO, h), many(), "sea"),
    "one pass, tiles": lambda h: apply(cut(PHOTO, h), many(), "sea", ApplySettings(tile=32, thumbnail=64)),
    "one pass, smaller": lambda h: apply(cut(PHOTO, h), many(), "sea", ApplySettings(size=50)),
    "one pass, colours": lambda h: apply(cut(PHOTO, h), many(), "sea", ApplySettings(match_colors="transport")),
    "any style": lambda h: apply(cut(PHOTO, h), anything(), PAINTING),
    "any style, painting": lambda h: apply(PHOTO, anything(), cut(PAINTING, h), ApplySettings(style_size=64)),
    "texture network": lambda h: apply(cut(PHOTO, h), texture_net()),
    "blend": lambda h: blend(cut(PHOTO, h), cut(PAINTING, h)).pixels,
}


def _region(hidden: float) -> Region:
    return Region(whole_mask(), cut(PAINTING, hidden), whole_mask())


@pytest.mark.parametrize("name", MADE)
def test_black_or_white_under_alpha_0_is_the_same(name):
    black, white = MADE[name](0.0), MADE[name](1.0)
    assert torch.equal(black, white)


@pytest.mark.parametrize("name", ["stylize", "painting", "one pass", "any style", "any style, painting"])
def test_what_is_visible_does_take_part(name, monkeypatch):
    before = MADE[name](0.0)
    monkeypatch.setitem(globals(), "shown", whole_mask)
    assert (MADE[name](0.0) - before).abs().mean() > 1e-4


def test_a_blend_by_a_mask_takes_nothing_transparent(tmp_path):
    write(tmp_path / "all.png", torch.ones(1, 3, *SIZE))
    alpha = (shown() > 0).float()
    made = blend(cut(PHOTO, 0.0, alpha), PAINTING, BlendSettings(mask=str(tmp_path / "all.png"))).pixels
    outside = (alpha == 0).expand_as(made)
    assert torch.equal(made[outside], PAINTING[outside])


def test_photos_of_a_training(tmp_path):
    pieces = []
    for hidden in (0.0, 1.0):
        folder = tmp_path / str(hidden)
        folder.mkdir()
        for k in range(3):
            cut_out = cut(picture(*SIZE, seed=k), hidden)
            write(folder / f"{k}.png", cut_out.pixels, alpha=cut_out.alpha)
        pieces.append([Photos(folder).random_crop(k, 32) for k in range(6)])
    for black, white in zip(*pieces, strict=True):
        assert torch.equal(black, white)


def test_colours_are_matched_over_what_is_visible():
    """As if the pictures were rows of their visible pixels alone."""
    alpha = (shown() > 0.5).float()
    photo, painting = (load(cut(pixels, 1.0, alpha)) for pixels in (PHOTO, PAINTING))
    areas = visible_areas([Area("picture", read_style_images([(painting, 1.0)]))], photo.alpha)
    found = coloring.recolor_content(areas, photo.pixels, 1.0)
    rows = [each[:, :, alpha[0, 0] > 0][:, :, None] for each in (PHOTO, PAINTING)]
    expected = match_colors(*rows)
    torch.testing.assert_close(found[:, :, alpha[0, 0] > 0][:, :, None], expected, atol=1e-5, rtol=0)


def test_a_mask_of_a_painting_shows_no_transparent_pixel():
    (style_image,) = read_style_images([(cut(PAINTING, 0.0), 1.0)], whole_mask() / 2)
    assert style_image.mask is not None
    torch.testing.assert_close(style_image.mask, shown() / 2)


def test_areas_without_what_is_transparent():
    mask, alpha = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(0)), shown()
    areas = [
        Area("a", (StyleImage(PAINTING),), mask),
        Area("b", (StyleImage(PAINTING),)),
        Area("c", (), (alpha == 0).float()),
    ]
    first, second = visible_areas(areas, alpha)
    assert first.mask is not None
    torch.testing.assert_close(first.mask, mask * alpha)
    assert second.extent == pytest.approx(float(alpha.mean()))
    assert visible_areas(areas, None) == areas


@pytest.mark.parametrize("shape", [{}, {"deep": 1}, {"ends": "convolution"}, {"norm": "batch"}])
def test_layer_by_layer_counts_as_the_whole_does(shape):
    network = body(**shape).double()
    image, code, alpha = PHOTO.double(), code_of(network).double(), shown().double()
    expected = network(image, code, alpha=alpha)
    torch.testing.assert_close(layered.layered(network, image, code, alpha=alpha), expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(tiled.through(network, image, code, alpha=alpha), expected, atol=1e-10, rtol=0)
    assert bool((expected - network(image, code)).abs().max() > 1e-4) == (shape != {"norm": "batch"})


@pytest.mark.parametrize("side", [0, 32, 64])
def test_tiles_of_a_cut_out_are_the_whole_picture(side):
    network = moving()
    style = network.code(PAINTING)
    expected = network(PHOTO, style, alpha=shown())
    assert (expected - network(PHOTO, style)).abs().max() > 1e-3
    torch.testing.assert_close(in_rounds(network, PHOTO, style, side=side, alpha=shown()), expected, atol=2e-5, rtol=0)


def rectangle() -> torch.Tensor:
    alpha = torch.zeros(1, 1, *SIZE)
    alpha[..., 16:56, 20:84] = 1
    return alpha


def test_compared_is_what_both_show():
    found = compare(cut(PHOTO, 0.0), cut(PHOTO, 1.0))
    assert found.psnr == float("inf")
    assert found.ssim == pytest.approx(1)
    assert max(*found.style.values(), *found.content.values()) < 1e-6
    assert torch.equal(found.difference, torch.full_like(PHOTO, 0.5))
    assert any("transparent pixels are not compared" in notice for notice in found.notices)
    assert not any("differ in transparency" in notice for notice in found.notices)
    other = compare(cut(PHOTO, 0.0), PHOTO)
    assert other.psnr == float("inf")
    assert other.ssim == pytest.approx(1), "windows at the edge see no more than pixels do"
    assert max(*other.style.values(), *other.content.values()) < 1e-6
    assert "differ in transparency" in other.notices[-1]


def test_figures_of_a_part_are_those_of_its_crop():
    alpha = rectangle()
    found = compare(cut(PHOTO, 0.0, alpha), cut(PAINTING, 1.0, alpha))
    crop = [each[..., 16:56, 20:84] for each in (PHOTO, PAINTING)]
    assert found.psnr == pytest.approx(psnr(*crop))
    a, b = (load(cut(each, 0.0, alpha)).pixels[0].permute(1, 2, 0).double().numpy() for each in (PHOTO, PAINTING))
    _, values = structural_similarity(a, b, win_size=7, channel_axis=2, data_range=1.0, full=True)
    assert found.ssim == pytest.approx(float(np.mean(values[16:56, 20:84])))
    assert torch.equal(found.difference[(alpha == 0).expand_as(PHOTO)].unique(), torch.tensor([0.5]))


def test_a_mask_of_everything_is_no_mask():
    encoder, everything = encoders.load("lite"), whole_mask()
    layers = ["relu1_1", "relu3_1"]
    plain = content_distance(encoder, PHOTO, PAINTING, layers)
    assert content_distance(encoder, PHOTO, PAINTING, layers, mask=everything) == pytest.approx(plain, rel=1e-4)
    assert ssim(PHOTO, PAINTING, everything) == pytest.approx(ssim(PHOTO, PAINTING))
    assert psnr(PHOTO, PAINTING, everything) == pytest.approx(psnr(PHOTO, PAINTING))


@pytest.mark.parametrize(
    "make",
    [
        lambda nothing: stylize(nothing, PAINTING, small()),
        lambda nothing: stylize(PHOTO, nothing, small()),
        lambda nothing: reconstruct(nothing, ReconstructSettings(size=64, steps=1)),
        lambda nothing: apply(PHOTO, anything(), nothing),
    ],
)
def test_nothing_visible_is_told(make):
    with pytest.raises(UsageError, match=r"a\.png is transparent everywhere: there is nothing to see"):
        make(Picture(PHOTO, torch.zeros(1, 1, *SIZE), source="a.png"))


def test_nothing_visible_in_both_is_told():
    alpha = rectangle()
    with pytest.raises(UsageError, match="no visible pixel in common"):
        compare(cut(PHOTO, 0.0, alpha), cut(PHOTO, 0.0, 1 - alpha))


@pytest.mark.parametrize("style", ["starry", "sample:flow"])
def test_a_photo_of_a_few_visible_pixels_is_painted_all_the_same(style):
    """By the moments of these alone the features around them overflow."""
    alpha = torch.zeros(1, 1, *SIZE)
    alpha[..., 40:42, 60:62] = 1
    assert apply(Picture(PHOTO, alpha), style=style).isfinite().all()


def test_transparent_pixels_are_a_hundredth_of_the_statistics():
    alpha = (shown() > 0.5).float()
    weights = _pixel_weights(alpha)
    assert weights is not None
    assert float(weights[alpha == 0].sum() / weights.sum()) == pytest.approx(0.01 * float(1 - alpha.mean()), rel=1e-4)


def test_a_photo_that_shows_nothing_is_painted_all_the_same():
    """A folder may hold one; its file will show nothing either."""
    made = apply(Picture(PHOTO, torch.zeros(1, 1, *SIZE)), many(), "sea")
    assert made.isfinite().all()
