"""Grain has the spectrum and colours of a picture's detail, repeats without a seam, and lies where a photo is plain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, signal
from torch import Tensor

from impasto.networks.grain import CODE_SIZE, RADIUS, SIDE, colour_root, grain_code, no_grain, noise_tile, tile_window
from impasto.networks.ground import BLOCK, detail, flatness, local_mean, luma_variance, zero_local_mean


def noise(seed: int = 0) -> Tensor:
    return torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def stripes(along: int, colours: list[float]) -> Tensor:
    """Detail that is smooth along one axis and rough along the other, `(1, 3, 320, 320)`."""
    rough = np.random.default_rng(3).standard_normal((320, 320))
    smooth = ndimage.gaussian_filter(rough, [6.0 if axis == along else 1.0 for axis in (0, 1)])
    return torch.from_numpy(smooth / smooth.std()).float() * torch.tensor(colours).view(1, 3, 1, 1)


def correlation(picture: np.ndarray) -> np.ndarray:
    """The autocorrelation at distances of up to 12 pixels, by scipy."""
    apart = picture - picture.mean()
    whole = signal.fftconvolve(apart, apart[::-1, ::-1])
    middle = [side - 1 for side in picture.shape]
    near = whole[middle[0] - 12 : middle[0] + 13, middle[1] - 12 : middle[1] + 13]
    return near / near[12, 12]


@pytest.mark.parametrize("along", [0, 1])
def test_it_has_the_spectrum_of_the_detail(along):
    picture = stripes(along, [0.1, 0.1, 0.1])
    grain = noise_tile(grain_code(picture), noise())[0, 1].double().numpy()
    expected = correlation(picture[0, 1].double().numpy())
    assert np.abs(correlation(grain) - expected).mean() < 0.05
    assert np.abs(correlation(grain) - expected.T).mean() > 0.1  # of stripes the other way


def test_diagonals_have_their_direction():
    rough = np.random.default_rng(5).standard_normal((360, 360))
    turned = ndimage.rotate(ndimage.gaussian_filter(rough, (6, 1)), 45, reshape=False)[60:-60, 60:-60]
    picture = torch.from_numpy(turned / turned.std()).float().expand(1, 3, -1, -1) * 0.1
    grain = noise_tile(grain_code(picture), noise())[0, 0].double().numpy()
    expected = correlation(turned)
    assert np.abs(correlation(grain) - expected).mean() < 0.06
    assert np.abs(correlation(grain) - expected[:, ::-1]).mean() > 0.1


def test_it_has_the_colours_of_the_detail():
    picture = stripes(0, [0.2, 0.1, -0.05]) + 0.02 * torch.randn(1, 3, 320, 320, generator=torch.Generator())
    square = noise_tile(grain_code(picture), noise())
    ours, theirs = (torch.cov(each[0].flatten(1)) for each in (square, picture))
    theirs = theirs / theirs.trace()  # how much there is of it is the palette's to say
    torch.testing.assert_close(ours, theirs, rtol=0.25, atol=0.02)
    light = torch.tensor([0.299, 0.587, 0.114])
    assert float(luma_variance(colour_root(grain_code(picture)))) == pytest.approx(
        float(light @ theirs @ light), rel=0.01
    )


def test_no_detail_and_no_painting_are_no_grain():
    for grain in (grain_code(torch.zeros(1, 3, 64, 64)), no_grain(torch.zeros(1))):
        assert grain.shape == (1, CODE_SIZE)
        assert noise_tile(grain, noise()).abs().max() < 5e-3


def test_it_repeats_without_a_seam():
    square = noise_tile(grain_code(stripes(0, [0.1, 0.1, 0.1])), noise())
    steps = square.diff(dim=3).abs().mean()
    assert (square[..., 0] - square[..., -1]).abs().mean() < 1.5 * steps
    there = tile_window(square, (40, 50), (250, SIDE + 8))
    assert torch.equal(there[..., 6:, :], square[..., :34, 8:58])


def test_it_is_noise_filtered_by_the_kernel():
    """scipy's circular convolution; the noise is the inverse Hartley transform of the numbers in `spectrum`."""
    grain, spectrum = grain_code(stripes(0, [0.1, 0.1, 0.1])), noise()
    angles = 2 * np.pi / SIDE * np.outer(np.arange(SIDE), np.arange(SIDE))
    hartley = np.cos(angles) + np.sin(angles)
    white = hartley @ spectrum[:, 0].double().numpy() @ hartley / SIDE
    half = grain[0, 6:].double().numpy()
    kernel = np.concatenate([half, half[-2::-1]]).reshape(2 * RADIUS + 1, 2 * RADIUS + 1)
    expected = [ndimage.convolve(channel, kernel, mode="wrap") for channel in white]
    expected = np.einsum("ij,jhw->ihw", colour_root(grain)[0].double().numpy(), expected)
    assert np.abs(noise_tile(grain, spectrum)[0].numpy() - expected).max() < 1e-5 * np.abs(expected).max()


def test_what_is_hidden_does_not_count():
    picture, alpha = stripes(0, [0.1, 0.1, 0.1]), torch.zeros(1, 1, 320, 320)
    alpha[..., :192] = 1
    hidden = picture.clone()
    hidden[..., 192:] = 0.5 * torch.randn(1, 3, 320, 128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(grain_code(hidden, alpha), grain_code(picture, alpha))
    assert not torch.allclose(grain_code(hidden), grain_code(picture), atol=1e-2)


def test_local_means_and_what_is_left_of_them():
    picture = torch.rand(1, 3, 80, 96, generator=torch.Generator().manual_seed(2))
    blocks = picture.numpy().reshape(1, 3, 10, BLOCK, 12, BLOCK).mean((3, 5))
    wide = ndimage.uniform_filter(blocks, (0, 0, 3, 3), mode="mirror")
    expected = torch.nn.functional.interpolate(torch.from_numpy(wide), scale_factor=BLOCK, mode="bilinear")
    torch.testing.assert_close(local_mean(picture, 3), expected)
    torch.testing.assert_close(detail(picture), picture - expected)
    assert local_mean(zero_local_mean(picture), 7).abs().max() < 0.02
    flat = torch.full((1, 3, 64, 64), 0.3)
    assert zero_local_mean(flat).abs().max() < 1e-6


def test_grain_lies_where_the_photo_is_plain():
    base = torch.full((1, 3, 64, 128), 0.5)
    base[..., 64:] += 0.3 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    share = flatness(base, torch.full((1, 1, 1, 1), 0.05**2))
    assert share[..., :32].min() > 0.99
    assert share[..., 96:].max() < 0.2
