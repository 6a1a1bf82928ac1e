"""The network of transport: what it begins as, codes, masks, parts of a picture, other sizes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tests.painters import SMALL, moving
from torch import Tensor

from impasto.errors import UsageError
from impasto.image.color import match_colors
from impasto.networks import tone
from impasto.networks.grain import SIDE
from impasto.networks.ground import luma, smooth_chroma
from impasto.networks.inputs import MARGIN, add_margin
from impasto.networks.tone import histogram_of
from impasto.networks.transport import apply_affine, normal_of
from impasto.networks.transport_net import TransportNet
from impasto.networks.transport_parts import (
    DecodedStyle,
    Recolouring,
    colour_maps,
    ground_of,
    recolourings,
    transport_maps,
)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """Soft colours."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (smooth + 0.05 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)


@pytest.fixture
def network() -> TransportNet:
    return moving()


def code(network: TransportNet, seed: int = 9) -> Tensor:
    return network.code(picture(70, 90, seed))


def test_it_begins_as_the_photo_in_the_paintings_colours(monkeypatch):
    monkeypatch.setattr(tone, "SHARE", 0.0)  # no curve
    network, photo, painting = TransportNet(SMALL).eval(), picture(64, 72), picture(64, 64, 5) ** 2
    with torch.no_grad():
        result = network(photo, network.code(painting))
    # Colours are counted with what is reflected beyond the border.
    expected = match_colors(add_margin(photo, network.multiple), add_margin(painting, network.multiple))[
        ..., MARGIN:-MARGIN, MARGIN:-MARGIN
    ]
    light = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    ours, theirs = ((picture * light).sum(1, keepdim=True) for picture in (result, expected))
    inside = ((expected > 0.01) & (expected < 0.99)).all(1, keepdim=True)  # where it was not clamped
    assert inside.float().mean() > 0.6
    assert (ours - theirs).abs()[inside].mean() < 0.003
    assert (result - photo).abs().mean() > 0.05
    # Of the noise in colour, which is here at every pixel, means over 4x4 remain.
    noise = [
        (c - torch.nn.functional.avg_pool2d(c, 9, 1, 4))[..., 8:-8, 8:-8].std()
        for c in (result - ours, expected - theirs)
    ]
    assert noise[0] < noise[1] / 2
    assert torch.allclose(result.mean((2, 3)), expected.mean((2, 3)), atol=0.02)  # the palette limits chroma


def test_a_code_holds_what_it_was_made_from(network):
    painting = add_margin(picture(70, 90), network.multiple)
    painting_code = network.code(picture(70, 90))
    assert painting_code.shape == (1, network.code_size)
    normals = [normal_of(painting), *network.normals(painting)]
    for decoded, normal in zip(network.layout.normals(painting_code), normals, strict=True):
        torch.testing.assert_close(decoded.mean, normal.mean)
        torch.testing.assert_close(decoded.covariance, normal.covariance)
    for scale, shift in network.layout.modulation(painting_code):
        assert torch.equal(scale, torch.ones_like(scale))
        assert not shift.any()


def recolourings_of(photo: Tensor, style: DecodedStyle, strength: float = 1.0) -> list[Recolouring]:
    affine = colour_maps(normal_of(photo), [style], strength)
    histograms = [histogram_of(luma(apply_affine(photo, colour_map))) for colour_map in affine]
    return recolourings(affine, histograms, [style], strength)


def base_and_axes(
    network: TransportNet, photo: Tensor, style: DecodedStyle, strength: float = 1.0
) -> tuple[Tensor, Sequence[Tensor]]:
    """Base and maps of a photo's ground."""
    padded = add_margin(photo, network.multiple)
    ground = ground_of(padded, recolourings_of(padded, style, strength), [style], strength=strength)
    return ground.base, network.feature_maps(ground.picture).axes


def test_features_are_moved_to_the_paintings(network):
    style = network.decode_style(network.code(picture(64, 64, 3)))
    _, axes = base_and_axes(network, picture(64, 80), style)
    (maps,) = transport_maps([normal_of(x) for x in axes], [style])
    for x, affine, expected in zip(axes, maps, style.normals[1:], strict=True):
        result = normal_of((affine[:, :, :-1] @ x.flatten(2) + affine[:, :, -1:]).view_as(x))
        torch.testing.assert_close(result.mean, expected.mean, rtol=1e-3, atol=1e-4)


def test_no_strength_is_the_photos_own_colours_and_features(network):
    photo, style = picture(64, 80), network.decode_style(code(network))
    base, axes = base_and_axes(network, photo, style, 0.0)
    padded = add_margin(photo, network.multiple)
    torch.testing.assert_close(base, smooth_chroma(padded, torch.nn.functional.avg_pool2d(padded, 4)).clamp(0, 1))
    for affine in transport_maps([normal_of(x) for x in axes], [style], 0.0)[0]:
        assert torch.equal(affine[0], torch.eye(*affine.shape[1:]))


@pytest.mark.parametrize("size", [(24, 24), (45, 38), (64, 57)])
def test_any_size(network, size):
    assert network(picture(*size), code(network)).shape == (1, 3, *size)


def test_the_part_of_a_picture_is_painted_as_in_the_whole(network):
    """With the statistics of the whole picture, and a part with a halo of `reach`."""
    photo, styles = add_margin(picture(900, 120), network.multiple), [network.decode_style(code(network))]
    colours = recolourings_of(photo, styles[0])
    ground = ground_of(photo, colours, styles)
    whole = network.feature_maps(ground.picture)
    maps = transport_maps([normal_of(x) for x in whole.axes], styles)
    everything = network.paint(ground, whole, maps, styles)

    def part(first: int, last: int) -> Tensor:
        ground = ground_of(photo[..., first:last, :], colours, styles, origin=(first, 0))
        return network.paint(ground, network.feature_maps(ground.picture), maps, styles)

    first, last, reach = 376, 520, network.reach
    result = part(first - reach, last + reach)[..., reach:-reach, :]
    torch.testing.assert_close(result, everything[..., first:last, :], rtol=0, atol=1e-5)
    assert (part(first - 8, last + 8)[..., 8:-8, :] - everything[..., first:last, :]).abs().max() > 1e-4


def test_masks_choose_among_codes(network):
    photo, first, second = picture(64, 96), code(network, 1), code(network, 2)
    left = torch.zeros(1, 1, 64, 96)
    left[..., :48] = 1
    both = network(photo, torch.stack([first, second], 1), torch.cat([left, 1 - left], 1))
    far = network.reach  # wider than the picture: the halves see each other, so compare with masks of one region
    assert far > 48
    alone = network(
        photo, torch.stack([first, second], 1), torch.cat([torch.ones_like(left), torch.zeros_like(left)], 1)
    )
    torch.testing.assert_close(alone, network(photo, first), rtol=0, atol=1e-5)
    assert (both[..., :24] - network(photo, first)[..., :24]).abs().mean() < (
        both[..., :24] - network(photo, second)[..., :24]
    ).abs().mean()


def test_grain_depends_on_the_place(network):
    photo, style = picture(64, 64), code(network)
    here, there = network(photo, style), network(photo, style, origin=(64, 128))
    assert (here - there).abs().max() > 1e-3
    assert torch.equal(here, network(photo, style, origin=(SIDE, 0)))


def test_what_does_not_fit_is_refused(network):
    with pytest.raises(UsageError, match="too small"):
        network(picture(20, 64), code(network))
    with pytest.raises(UsageError, match="the code is"):
        network(picture(64, 64), code(network)[:, 1:])
    with pytest.raises(UsageError, match="2 masks for 1 codes"):
        network(picture(64, 64), code(network)[:, None], torch.ones(1, 2, 64, 64) / 2)
