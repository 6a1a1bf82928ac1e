"""The papers' scales of weights, against their formulas written out."""

import pytest
import torch

from impasto.errors import UsageError
from impasto.settings.synthesis import WEIGHTINGS as NAMES
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.objective.weights import WEIGHTINGS
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage

CONTENT, STYLE = ["conv4_2"], ["conv1_1", "conv2_1", "conv3_1"]


def picture(seed: int, side: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def outer(features: torch.Tensor) -> torch.Tensor:
    """The sum over positions, F F^T."""
    flat = features[0].flatten(1)
    return flat @ flat.T


def gatys(found, photo, painting):
    content = sum(0.5 * (found[n] - photo[n]).square().sum() for n in CONTENT)
    style = 0.0
    for n in STYLE:
        c, m = found[n].shape[1], found[n][0, 0].numel()
        style += (outer(found[n]) - outer(painting[n])).square().sum() / (4 * c**2 * m**2) / len(STYLE)
    return content, style


def mean(found, photo, painting):
    content = sum((found[n] - photo[n]).square().mean() for n in CONTENT)
    style = sum(((outer(found[n]) - outer(painting[n])) / found[n][0, 0].numel()).square().mean() for n in STYLE)
    return content, style


def tutorial(found, photo, painting):
    content = sum((found[n] - photo[n]).square().mean() for n in CONTENT)
    style = sum(((outer(found[n]) - outer(painting[n])) / found[n].numel()).square().mean() for n in STYLE)
    return content, style


def tutorial_mean(found, photo, painting):
    content, style = tutorial(found, photo, painting)
    return content, style / len(STYLE)


FORMULAS = {"gatys": gatys, "mean": mean, "tutorial": tutorial, "tutorial-mean": tutorial_mean}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_weighting_states_the_losses_of_its_source(tiny, name):
    photo, painting, other = picture(0), picture(1), picture(2)
    context = Context(tiny, weighting=WEIGHTINGS[name])
    layers = dict.fromkeys(STYLE, 1.0)
    terms = content_terms(context, photo, dict.fromkeys(CONTENT, 1.0), 2.0)
    terms += style_terms(context, [Area("all", (StyleImage(painting),))], layers, 1e3)
    _, parts = evaluation(context, terms)(other, 0)
    content, style = FORMULAS[name](*(tiny(p, CONTENT + STYLE) for p in (other, photo, painting)))
    assert float(parts["content"]) == pytest.approx(2 * float(content), rel=1e-4)
    assert float(parts["style"]) == pytest.approx(1e3 * float(style), rel=1e-4)


def test_the_papers_scales_are_for_gram_matrices(tiny):
    context = Context(tiny, weighting=WEIGHTINGS["gatys"])
    with pytest.raises(UsageError, match="'w2' needs the weighting 'normalized'"):
        style_terms(context, [Area("all", (StyleImage(picture(0)),))], {"relu1_1": 1.0}, 1.0, style_losses("w2"))


def test_the_names_in_the_options_are_those_of_the_table():
    assert tuple(WEIGHTINGS) == NAMES
