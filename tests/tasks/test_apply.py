"""One pass, with all that people can ask of it."""

from __future__ import annotations

import pytest
import torch
from tests.painters import anything, many, picture

import impasto
from impasto.errors import UsageError
from impasto.image import Picture, luminance, match_colors, resize
from impasto.networks import TextureNet, TextureSettings, save, tiled
from impasto.settings.editing import ApplySettings
from impasto.tasks.apply import apply, painter
from impasto.tasks.scene.regions import Region

PHOTO = picture(72, 96)


def halves() -> torch.Tensor:
    """A mask of the left half."""
    mask = torch.zeros(1, 1, 72, 96)
    mask[..., :48] = 1
    return mask


def test_it_is_the_network_at_the_code_of_the_style():
    network = many()
    expected = network(PHOTO, network.code({"sea": 0.7, "sand": 0.3})).detach()
    assert torch.allclose(apply(PHOTO, network, "sea=0.7,sand=0.3"), expected, atol=1e-6)
    assert torch.allclose(apply(PHOTO, network, {"sea": 7, "sand": 3}), expected, atol=1e-6)
    assert torch.allclose(apply(PHOTO, network, settings=ApplySettings(style="sea=0.7,sand=0.3")), expected, atol=1e-6)
    assert (expected - PHOTO).abs().mean() > 0.02


def test_a_network_comes_from_a_file_too(tmp_path):
    save(many(), tmp_path / "net.safetensors")
    expected = apply(PHOTO, many(), "sea")
    assert torch.allclose(apply(PHOTO, tmp_path / "net.safetensors", "sea"), expected, atol=1e-6)
    settings = ApplySettings(network=str(tmp_path / "net.safetensors"), style="sea")
    assert torch.allclose(impasto.apply(PHOTO, settings=settings), expected, atol=1e-6)


def test_paintings_for_an_any_style_network():
    network, painting = anything(), picture(80, 80, seed=3)
    a, b = apply(PHOTO, network, painting), apply(PHOTO, network, picture(80, 80, seed=4))
    assert (a - b).abs().mean() > 1e-3
    assert torch.equal(apply(PHOTO, network, [(painting, 1.0)]), a)


def test_the_size_is_asked_for_or_the_photos_own():
    network = many()
    assert apply(PHOTO, network, "sea").shape == PHOTO.shape
    small = apply(PHOTO, network, "sea", ApplySettings(size=48))
    assert torch.allclose(small, apply(resize(PHOTO, (36, 48)).clamp(0, 1), network, "sea"), atol=1e-6)
    assert apply(PHOTO, network, "sea", ApplySettings(size=120)).shape == (1, 3, 90, 120)


def test_strength_is_a_blend_with_the_photo():
    network = many()
    full = apply(PHOTO, network, "sea")
    for strength in (0.0, 0.25, 0.5):
        found = apply(PHOTO, network, "sea", ApplySettings(strength=strength))
        assert torch.allclose(found, PHOTO + strength * (full - PHOTO), atol=1e-6)


def test_tiles_are_asked_for():
    network = many()
    settings = ApplySettings(tile=32, thumbnail=96)
    assert torch.allclose(apply(PHOTO, network, "sea", settings), apply(PHOTO, network, "sea"), atol=1e-5)
    less = apply(PHOTO, network, "sea", ApplySettings(tile=32, thumbnail=64))
    assert 0 < (less - apply(PHOTO, network, "sea")).abs().mean() < 0.05


def test_what_is_too_large_at_once_goes_layer_by_layer_and_then_in_tiles(monkeypatch):
    network, size = many(), (72, 96)
    expected, found = apply(PHOTO, network, "sea"), painter(network, "sea")
    least = (tiled.LEAST + 2 * network.transformer.reach) ** 2 * tiled.cost(network.transformer)
    for name in ("TILE_BYTES", "WHOLE_BYTES"):
        monkeypatch.setattr(f"impasto.tasks.apply.{name}", 0.0)
    assert found._side(network.transformer, size) is None
    assert torch.allclose(apply(PHOTO, network, "sea"), expected, atol=1e-5)
    monkeypatch.setattr("impasto.tasks.apply.TILE_BYTES", 1e12)
    monkeypatch.setattr("impasto.tasks.tiling.memory.resident", lambda: 0.0)
    pictures = 2 * 12 * 72 * 96
    tight = painter(network, "sea", ApplySettings(memory=f"{int(pictures + least) + 1}"))
    assert tight._side(network.transformer, size) == tiled.LEAST


def test_regions_have_styles_and_strengths_of_their_own():
    network = many()
    code = torch.stack([network.code({"sea": 1.0}), network.code({"sand": 1.0})], 1).detach()
    masks = torch.cat([halves(), 1 - halves()], 1)
    expected = network(PHOTO, code, masks).detach()
    found = apply(PHOTO, network, "sand", regions=[Region(halves(), "sea")])
    assert torch.allclose(found, expected, atol=1e-6)
    half = apply(PHOTO, network, "sand", regions=[Region(halves(), "sea", weight=0.5)])
    assert torch.allclose(half[..., 48:], expected[..., 48:], atol=1e-6)
    assert torch.allclose(half[..., :48], ((expected + PHOTO) / 2)[..., :48], atol=1e-6)


def test_without_a_style_for_it_the_rest_stays_the_photo():
    found = apply(PHOTO, many(), regions=[Region(halves(), "sea")])
    assert torch.allclose(found[..., 48:], PHOTO[..., 48:], atol=1e-6)
    assert (found - PHOTO)[..., :48].abs().mean() > 0.02


def test_regions_that_overlap_share_and_gaps_are_the_rests():
    network = many()
    everywhere = torch.ones(1, 1, 72, 96)
    found = apply(PHOTO, network, regions=[Region(everywhere, "sea"), Region(everywhere, "sand")])
    assert torch.allclose(found, apply(PHOTO, network, "sea,sand"), atol=1e-5)


def test_colours_are_kept():
    network = many()
    plain = apply(PHOTO, network, "sea")
    kept = apply(PHOTO, network, "sea", ApplySettings(keep_color="ycbcr"))
    for row in ((-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)):  # JFIF's Cb and Cr
        axis = torch.tensor(row).view(1, 3, 1, 1)
        assert torch.allclose((kept * axis).sum(1), (PHOTO * axis).sum(1), atol=1e-4)
    same = (luminance(kept) - luminance(plain)).abs() < 1e-3
    assert same.float().mean() > 0.5  # the light of the rest is as near as these colours can show it
    matched = apply(PHOTO, network, "sea", ApplySettings(match_colors="mean"))
    assert torch.allclose(matched, match_colors(plain, PHOTO, "mean"), atol=1e-6)


def test_a_photos_transparency_is_at_the_size_of_the_result():
    alpha = halves()
    paint = painter(many(), "sea", ApplySettings(size=48))
    picture = paint.read(Picture(PHOTO, alpha))
    assert picture.alpha is not None
    assert picture.alpha.shape == (1, 1, 36, 48)
    assert torch.equal(paint(picture), paint(Picture(PHOTO, alpha)))


def test_texture_networks_paint_from_a_seed():
    for content in (True, False):
        network = TextureNet(TextureSettings(scales=3, channels=4, content=content)).eval()
        pictures = [apply(PHOTO, network, settings=ApplySettings(seed=seed)) for seed in (1, 1, 2)]
        assert pictures[0].shape == PHOTO.shape
        assert torch.equal(pictures[0], pictures[1])
        assert not torch.equal(pictures[0], pictures[2])
    with pytest.raises(UsageError, match="no regions"):
        apply(PHOTO, network, "sea")


@pytest.mark.parametrize(
    ("regions", "values", "message"),
    [
        ([Region(torch.ones(1, 1, 72, 96), "sea", weight=2.0)], {}, "the strength from 0 to 1"),
        ([Region(torch.ones(1, 1, 72, 96), "sea", torch.ones(1, 1, 9, 9))], {}, "a region of apply is MASK:STYLE"),
        ([Region(torch.ones(1, 1, 96, 72), "sea")], {}, "another shape"),
        ([Region(torch.zeros(1, 1, 72, 96), "sea")], {}, "black everywhere"),
        ([], {"style": "seaa"}, "did you mean 'sea'"),
        ([], {"style": "sea", "memory": "1MB"}, "give a smaller --size, or a larger --memory"),
        ([], {"style": "sea", "size": 10}, "too small"),
    ],
)
def test_what_cannot_be(regions, values, message):
    with pytest.raises(UsageError, match=message):
        apply(PHOTO, many(), settings=ApplySettings(**values), regions=regions)


def test_a_network_that_is_handed_in_is_left_as_it_was():
    network = many()
    before = {name: (p.requires_grad, p.clone()) for name, p in network.named_parameters()}
    apply(PHOTO, network, "sea")
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == before[name][0]
        assert torch.equal(parameter, before[name][1])
