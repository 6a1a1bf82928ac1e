import numpy as np
import pytest
import torch

from impasto.synthesis import PARAMETERIZATIONS, PERIODIC_PARAMETERIZATIONS, generator, noise, pink_noise
from impasto.synthesis.parameterization import COLORS, Fourier, Pyramid, frequencies

SIZES = [(16, 24), (13, 7), (1, 1), (1, 9), (40, 33)]


def picture(size, channels=3, seed=0):
    return torch.rand(1, channels, *size, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "make",
    [*PARAMETERIZATIONS.values(), *PERIODIC_PARAMETERIZATIONS.values()],
    ids=[*PARAMETERIZATIONS, *(f"wrapped {name}" for name in PERIODIC_PARAMETERIZATIONS)],
)
def test_a_picture_survives_its_canvas(make, size, channels):
    parameterization, image = make(size), picture(size, channels)
    parameters = parameterization.encode(image)
    assert parameters.shape[:2] == (1, channels)
    torch.testing.assert_close(parameterization.decode(parameters), image, rtol=0, atol=1e-12)
    single = parameterization.decode(parameterization.encode(image.float()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, image.float(), rtol=0, atol=5e-6)


@pytest.mark.parametrize("make", PARAMETERIZATIONS.values(), ids=PARAMETERIZATIONS)
def test_decoding_is_linear_and_gradients_flow_through_it(make):
    parameterization = make((9, 12))
    a, b = parameterization.encode(picture((9, 12))), parameterization.encode(picture((9, 12), seed=1))
    torch.testing.assert_close(
        parameterization.decode(2 * a - b), 2 * parameterization.decode(a) - parameterization.decode(b)
    )
    assert torch.autograd.gradcheck(lambda p: parameterization.decode(p).square().sum(), a.clone().requires_grad_())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("make", PARAMETERIZATIONS.values(), ids=PARAMETERIZATIONS)
def test_white_parameters_make_pictures_of_about_their_deviation(make, channels):
    parameterization = make((60, 90))
    white = torch.randn(
        parameterization.encode(picture((60, 90), channels)).shape, generator=generator(2), dtype=torch.float64
    )
    assert 0.6 < float(parameterization.decode(white).square().mean().sqrt()) < 1.3


def test_only_pixels_are_bounded():
    assert {name: make((4, 4)).bounded for name, make in PARAMETERIZATIONS.items()} == {
        "pixels": True,
        "pyramid": False,
        "fourier": False,
    }


def test_a_flat_picture_is_one_level_of_a_pyramid_and_one_wave_a_colour():
    flat = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 32, 48)
    pyramid = Pyramid((32, 48))
    assert pyramid.sizes == [(32, 48), (16, 24), (8, 12), (4, 6)]
    assert (pyramid.encode(flat)[..., : -4 * 6].abs() < 1e-12).all()
    waves = Fourier((32, 48)).encode(flat)
    assert (waves.flatten(2)[..., 1:].abs() < 1e-12).all()


@pytest.mark.parametrize("shift", [(16, 0), (0, 32), (32, 16)])
def test_a_wrapped_pyramid_does_not_know_where_the_picture_begins(shift):
    pyramid, image = Pyramid((64, 96), periodic=True), picture((64, 96))
    assert pyramid.sizes == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]

    def moved(parameters):
        levels = torch.split(parameters, [height * width for height, width in pyramid.sizes], 2)
        shifts = [(shift[0] >> k, shift[1] >> k) for k in range(len(levels))]
        pictures = [level.reshape(1, 3, *size) for level, size in zip(levels, pyramid.sizes, strict=True)]
        return torch.cat([p.roll(by, (2, 3)).flatten(2) for p, by in zip(pictures, shifts, strict=True)], 2)

    levels = pyramid.encode(image)
    torch.testing.assert_close(pyramid.encode(image.roll(shift, (2, 3))), moved(levels), rtol=0, atol=1e-12)
    noise = torch.randn(levels.shape, generator=generator(1), dtype=torch.float64)
    expected = pyramid.decode(noise).roll(shift, (2, 3))
    torch.testing.assert_close(pyramid.decode(moved(noise)), expected, rtol=0, atol=1e-12)


def test_a_wrapped_pyramid_ends_at_an_odd_side():
    assert Pyramid((96, 48), periodic=True).sizes[-1] == (12, 6)
    assert Pyramid((36, 44), periodic=True).sizes[-1] == (9, 11)


def test_the_waves_are_the_fourier_coefficients_over_their_expected_size():
    """numpy's transform, the scaling and the colours apart, in a picture of one channel."""
    image = picture((10, 15), 1)
    spectrum = np.fft.fft2(image[0, 0].numpy(), norm="ortho")
    down, right = np.meshgrid(np.fft.fftfreq(10), np.fft.fftfreq(15), indexing="ij")
    expected = 1 / np.maximum(np.hypot(down, right), 1 / 15)
    expected /= np.sqrt((expected**2).mean())
    waves = Fourier((10, 15)).encode(image)[0, 0].numpy()
    np.testing.assert_allclose(waves, (spectrum.real - spectrum.imag) / expected, atol=1e-12)


def test_colours_with_the_covariance_of_photographs_have_white_parameters():
    root = torch.linalg.cholesky(torch.tensor(COLORS, dtype=torch.float64))
    pixels = torch.einsum("kc,bchw->bkhw", root, torch.randn(1, 3, 96, 96, generator=generator(1), dtype=torch.float64))
    parameterization = Fourier((96, 96))
    waves = parameterization.encode(pixels)[0] * (1 / frequencies((96, 96)))  # white in space: undo the scaling by 1/f
    covariance = torch.cov(waves.flatten(1))
    covariance /= covariance.diagonal().mean()
    torch.testing.assert_close(covariance, torch.eye(3, dtype=torch.float64), rtol=0, atol=0.04)


def test_the_strongest_axis_of_colour_is_light():
    """It moves red, green and blue alike, and several times as far as the others move anything."""
    strengths, places = Fourier((8, 8))._colors.norm(dim=0).sort(descending=True)
    light = Fourier((8, 8))._colors[:, places[0]]
    assert light.abs().max() / light.abs().min() < 1.1
    assert len(light.sign().unique()) == 1
    assert strengths[0] > 3 * strengths[1]


def test_noise_depends_on_its_seed_alone():
    for make in (noise, pink_noise):
        assert torch.equal(make((5, 7), generator(1)), make((5, 7), generator(1)))
        assert not torch.equal(make((5, 7), generator(1)), make((5, 7), generator(2)))
        assert make((5, 7), generator(1)).shape == (1, 3, 5, 7)
        assert make((5, 7), generator(1)).dtype == torch.float32


def test_both_noises_have_one_mean_and_deviation():
    for make in (noise, pink_noise):
        channels = make((128, 100), generator(0))[0].flatten(1)
        torch.testing.assert_close(channels.mean(1), torch.full((3,), 0.5), rtol=0, atol=0.004)
        torch.testing.assert_close(channels.std(1), torch.full((3,), 0.1), rtol=0, atol=0.004)


@pytest.mark.parametrize(("make", "slope"), [(noise, 0.0), (pink_noise, -1.0)])
def test_the_amplitude_of_pink_noise_falls_as_one_over_f_and_that_of_white_not_at_all(make, slope):
    amplitudes = torch.fft.fft2(make((192, 128), generator(0)).double()).abs().mean((0, 1))
    f = frequencies((192, 128))
    band = (f > 0.02) & (f < 0.45)
    fitted = np.polyfit(f[band].log().numpy(), amplitudes[band].log().numpy(), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.05)


def test_noise_of_one_pixel_is_grey():
    assert torch.equal(pink_noise((1, 1), generator(0)), torch.full((1, 3, 1, 1), 0.5))
