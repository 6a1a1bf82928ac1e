import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from impasto import encoders
from impasto.errors import UsageError
from impasto.image import load
from impasto.settings.editing import CompareSettings
from impasto.tasks import compare as module
from impasto.tasks.compare import areas_distance, compare, content_distance, difference, psnr, ssim, style_distance
from impasto.tasks.scene.areas import Area, StyleImage

LAYERS = ("relu1_1", "conv_4", "relu4_2")
CANONICAL = ["relu1_1", "conv2_2", "relu4_2"]


def picture(seed: int, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def array(pixels: torch.Tensor):
    return pixels[0].permute(1, 2, 0).double().numpy()


@pytest.fixture
def comparing(tiny, monkeypatch):
    """`compare` with a network of a few kilobytes."""
    monkeypatch.setattr(module.encoders, "load", lambda name, weights: tiny)
    return compare


def test_the_difference_is_grey_where_pictures_are_equal_and_spans_them_all():
    a, b = picture(0), picture(1)
    assert torch.equal(difference(a, a), torch.full_like(a, 0.5))
    assert torch.allclose(difference(a, b) * 2 - 1, a - b, atol=1e-6)
    white, black = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    assert torch.equal(difference(white, black), white)
    assert torch.equal(difference(black, white), black)


def test_a_gain_multiplies_the_contrast_and_cuts_off():
    a, b = torch.full((1, 3, 2, 2), 0.6), torch.full((1, 3, 2, 2), 0.5)
    assert torch.allclose(difference(a, b, 4.0), torch.full_like(a, 0.7))
    assert torch.equal(difference(a, b, 100.0), torch.ones_like(a))


@pytest.mark.parametrize("spread", [0.01, 0.3])
def test_psnr_and_ssim_are_those_of_scikit_image(spread):
    a = picture(0)
    b = (a + spread * (picture(1) - 0.5)).clamp(0, 1)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(array(a), array(b), data_range=1), rel=1e-9)
    assert ssim(a, b) == pytest.approx(structural_similarity(array(a), array(b), channel_axis=2, data_range=1))


@pytest.mark.parametrize("pixels", [picture(0), torch.zeros(1, 3, 40, 40), torch.full((1, 3, 40, 40), 0.5)])
def test_equal_pictures_have_nothing_apart(comparing, pixels):
    found = comparing(pixels, pixels.clone())
    assert found.psnr == math.inf
    assert found.ssim == 1
    assert set(found.style.values()) == set(found.content.values()) == {0.0}
    assert found.to_mapping()["psnr"] is None
    assert found.notices == ()


def test_distances_are_those_of_the_formulas_at_every_layer(tiny):
    picture_, model = picture(2), picture(3)
    style, content = style_distance(tiny, picture_, model, LAYERS), content_distance(tiny, picture_, model, LAYERS)
    assert list(style) == list(content) == CANONICAL
    ours, theirs = tiny(picture_, CANONICAL), tiny(model, CANONICAL)
    for layer in CANONICAL:
        f, p = ours[layer][0].flatten(1).double(), theirs[layer][0].flatten(1).double()
        g, a = f @ f.T / f.shape[1], p @ p.T / p.shape[1]
        assert style[layer] == pytest.approx(float((g - a).square().sum() / a.square().sum()), rel=1e-4)
        assert content[layer] == pytest.approx(float((f - p).square().sum() / p.square().sum()), rel=1e-4)


def test_the_metric_of_the_embedded_network_is_honoured():
    """`lite`'s heads: a feature vector f stands for R [f; 1]."""
    encoder, layer = encoders.load("lite"), "relu3_1"
    a, b = picture(4), picture(5)
    metric = encoder.metric(layer).double()
    f, p = (metric[:, :-1] @ encoder(x, [layer])[layer][0].flatten(1).double() + metric[:, -1:] for x in (a, b))
    found = content_distance(encoder, a, b, [layer])
    assert found[layer] == pytest.approx(float((f - p).square().sum() / p.square().sum()), rel=1e-3)
    grams = [x @ x.T / x.shape[1] for x in (f, p)]
    expected = float((grams[0] - grams[1]).square().sum() / grams[1].square().sum())
    assert style_distance(encoder, a, b, [layer])[layer] == pytest.approx(expected, rel=1e-3)


def test_a_painting_of_any_size_has_a_style_and_only_what_masks_show_of_both_counts(tiny):
    left, right = picture(6, 64, 64), picture(7, 64, 64) ** 4
    both = torch.cat([left, right], dim=3)
    shown = torch.zeros(1, 1, 64, 128)
    shown[..., :64] = 1
    near, far = (
        style_distance(tiny, both, model, ["relu1_1"], mask=shown)["relu1_1"] for model in (left, right[..., :40, :])
    )
    assert near < 0.01 < far
    other = style_distance(tiny, right, both, ["relu1_1"], part=1 - shown)["relu1_1"]
    assert other < 0.01 < style_distance(tiny, right, both, ["relu1_1"])["relu1_1"]


def test_layers_are_those_of_the_settings_or_the_usual_ones_from_shallow_to_deep(comparing, tiny):
    a, b = picture(0), picture(1)
    assert list(comparing(a, b, CompareSettings(layers="conv_4,relu1_1")).style) == ["conv2_2", "relu1_1"]
    usual = list(comparing(a, b).content)
    assert set(usual) == {*tiny.default_style, *tiny.default_content}
    assert usual == sorted(usual, key=list(tiny.layers).index)


def test_another_scale_is_brought_to_the_size_of_the_first(comparing):
    photo = load("sample:coffee").pixels
    small = torch.nn.functional.interpolate(photo, size=(133, 200), mode="bicubic", antialias=True).clamp(0, 1)
    for a, b in ((photo, small), (small, photo)):
        found = comparing(a, b)
        assert found.difference.shape == a.shape
        assert found.psnr > 20
        size = f"{a.shape[-1]}x{a.shape[-2]}"
        assert [f"compared at {size}" in notice for notice in found.notices] == [True]


@pytest.mark.parametrize(("height", "width"), [(64, 48), (48, 48), (96, 120)])
def test_another_shape_is_refused(comparing, height, width):
    with pytest.raises(UsageError, match=f"different shapes cannot be compared: 64x48 and {width}x{height}"):
        comparing(picture(0), picture(1, height, width))


def test_what_cannot_be_compared_says_why(comparing, tiny):
    with pytest.raises(UsageError, match="at least 7 px a side; these have 6x40"):
        ssim(picture(0, 40, 6), picture(1, 40, 6))
    with pytest.raises(UsageError, match="at least 32 px a side"):
        comparing(picture(0, 20, 20), picture(1, 20, 20))
    for function in (difference, psnr, ssim, lambda a, b: content_distance(tiny, a, b, ["relu1_1"])):
        with pytest.raises(UsageError, match="pictures must have one size"):
            function(picture(0), picture(1, 40, 40))
    with pytest.raises(UsageError, match="no layer 'relu9_1'"):
        comparing(picture(0), picture(1), CompareSettings(layers="relu9_1"))


def test_settings_are_checked():
    with pytest.raises(UsageError, match="did you mean 'lite'"):
        CompareSettings(network="lit")
    with pytest.raises(UsageError, match="gain must be at least"):
        CompareSettings(gain=0)


def left_quarter() -> torch.Tensor:
    """A mask of the left quarter of 64 columns."""
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., :16] = 1
    return mask


def test_an_area_counts_by_its_extent_and_weight(tiny):
    painted, mask = picture(2), left_quarter()
    left = Area("left", (StyleImage(picture(3)),), mask, weight=2.0)
    rest = Area("rest", (StyleImage(picture(4)),), 1 - mask)
    found = areas_distance(tiny, painted, [left, rest], LAYERS)
    assert list(found) == CANONICAL
    ours = style_distance(tiny, painted, picture(3), LAYERS, mask=mask)
    theirs = style_distance(tiny, painted, picture(4), LAYERS, mask=1 - mask)
    for layer in CANONICAL:
        assert found[layer] == pytest.approx((0.5 * ours[layer] + 0.75 * theirs[layer]) / 1.25, rel=1e-5)


def test_a_mixture_is_the_mean_of_its_gram_matrices(tiny):
    painted = picture(2)
    area = Area("picture", (StyleImage(picture(3), share=0.25), StyleImage(picture(4), share=0.75)))
    found = areas_distance(tiny, painted, [area], LAYERS)
    grams = []
    for pixels in (painted, picture(3), picture(4)):
        features = [tiny(pixels, CANONICAL)[layer][0].flatten(1).double() for layer in CANONICAL]
        grams.append([f @ f.T / f.shape[1] for f in features])
    for k, layer in enumerate(CANONICAL):
        target = 0.25 * grams[1][k] + 0.75 * grams[2][k]
        expected = float((grams[0][k] - target).square().sum() / target.square().sum())
        assert found[layer] == pytest.approx(expected, rel=1e-4)
