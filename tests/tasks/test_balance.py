"""How much style a strength is: the weights, the factors of losses, and the start, in numbers written out here."""

import numpy as np
import pytest
import torch
from scipy import linalg

from impasto.losses import STYLE_LOSSES
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.objective.weights import WEIGHTINGS, prior_scale, weights_of
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.stylize import stylize


def picture(seed: int, side: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("strength", "content", "style"),
    [
        (0.0, 1, 0),
        (0.2, 1, 50 / 16),
        (0.25, 1, 50 / 9),
        (0.5, 1, 50),
        (0.75, 1 / 9, 50),
        (0.8, 1 / 16, 50),
        (1.0, 0, 50),
    ],
)
def test_the_weights_of_a_strength(strength, content, style):
    """Fifty to one at a half; from there, the ratio is the square of the odds: four times the odds are 16 times."""
    assert weights_of(StylizeSettings(strength=strength)) == pytest.approx((content, style))


FACTORS = {
    **{"mean": 4.0, "mmd-linear": 4.0, "bn": 3.3, "covariance": 0.5, "coral": 0.4, "w2": 0.6, "mmd-gaussian": 4.0},
    **{"sliced": 2.5, "histogram": 5.0, "moments": 0.15, "palette": 0.3, "patches": 0.2},
}
"""By measurement: at these, a strength of 0.5 leaves as much of the photo as with Gram matrices."""


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_the_factor_of_a_loss(tiny, name):
    layers = {"relu1_1": 1.0, "relu2_1": 3.0}
    terms = style_terms(Context(tiny), [Area("all", (StyleImage(picture(0)),))], layers, 8.0, style_losses(name))
    factor = FACTORS.get(name, 1.0)
    found = {term.layer: term.weight for term in terms}
    if len(found) == 1:
        assert list(found.values()) == pytest.approx([8 * factor])
    else:
        assert found == pytest.approx({"relu1_1": 2 * factor, "relu2_1": 6 * factor})


def gram(features: torch.Tensor) -> torch.Tensor:
    flat = features[0].flatten(1).double()
    return flat @ flat.T / flat.shape[1]


def test_the_unit_of_priors_beside_the_weights_of_a_paper(tiny):
    """As much as the style's terms come to without a picture, over the 50 that they come to where losses are
    normalised; without a style, the content's weight."""
    context, painting, photo = Context(tiny, weighting=WEIGHTINGS["mean"]), picture(1), picture(2)
    layers = ["relu1_1", "relu2_1", "relu3_1"]
    style = style_terms(context, [Area("all", (StyleImage(painting),))], dict.fromkeys(layers, 1.0), 1e3)
    content = content_terms(context, photo, {"relu4_2": 1.0}, 2.0)
    settings = StylizeSettings(weighting="mean")
    whole = 1e3 * sum(float(gram(f).square().mean()) for f in tiny(painting, layers).values())
    share, unit = prior_scale(settings, 1e3, style, content)
    assert share == unit == pytest.approx(whole / 50, rel=1e-4)
    share, unit = prior_scale(settings, 0.0, [], content)
    assert (share, unit) == (0, 2.0)
    assert prior_scale(StylizeSettings(), 25.0, style, content) == (0.5, 1.0)


@pytest.mark.parametrize(("strength", "share"), [(0.05, 0.1), (0.25, 0.5), (0.4, 0.8), (0.5, 1.0), (0.9, 1.0)])
def test_the_start_is_recoloured_by_twice_the_strength(strength, share):
    """By the optimal transport between normal distributions of colours, from scipy's roots of matrices."""
    mixing = torch.tensor([[1.0, 0.5, 0.2], [0.0, 0.6, 0.3], [0.0, 0.0, 0.4]])
    photo = 0.4 + 0.2 * torch.einsum("kc,bchw->bkhw", mixing, picture(3) - 0.5)
    painting = 0.6 + 0.1 * (picture(4) - 0.5)
    start = stylize(photo, painting, StylizeSettings(size=48, steps=0, scales=1, strength=strength))
    ours, theirs = (each[0].flatten(1).double().numpy() for each in (photo, painting))
    root = linalg.sqrtm(np.cov(ours))
    inverse = linalg.inv(root)
    moved = inverse @ linalg.sqrtm(root @ np.cov(theirs) @ root) @ inverse @ (ours - ours.mean(1, keepdims=True))
    expected = (1 - share) * ours + share * (moved.real + theirs.mean(1, keepdims=True))
    np.testing.assert_allclose(start[0].flatten(1).numpy(), expected, atol=5e-3)
