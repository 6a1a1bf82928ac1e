import pytest
import torch

from impasto.errors import UsageError
from impasto.losses import Objective
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms, prior_terms
from impasto.tasks.reconstruct import parse_patch
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage


def picture(seed: int, side: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def alone(painting: torch.Tensor) -> Area:
    """The whole picture after one painting."""
    return Area("picture", (StyleImage(painting),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {"relu4_2": 1}),
        ("relu1_1, relu2_1=0.5", {"relu1_1": 1, "relu2_1": 0.5}),
        ("conv_2-4", {"conv1_2": 1, "conv2_1": 1, "conv2_2": 1}),
        ("conv_2,4,8-9", {"conv1_2": 1, "conv2_2": 1, "conv3_4": 1, "conv4_1": 1}),
        ("2=0.5, relu3_1", {"conv1_2": 0.5, "relu3_1": 1}),
        ("conv_1-2=3,relu_9", {"conv1_1": 3, "conv1_2": 3, "relu4_1": 1}),
    ],
)
def test_layers_are_read_with_weights_ranges_and_aliases(tiny, text, expected):
    assert parse_layers(tiny, text, ("relu4_2",)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("relu4-2", "did you mean 'relu4_2'"),
        ("relu4_2=high", "weight of at least 0"),
        ("relu4_2=-1", "weight of at least 0"),
        ("relu4_2=nan", "weight of at least 0"),
        ("relu4_2=0", "no layer with a weight above 0"),
        ("conv_4-2", "runs backwards"),
        ("conv_1-99", "no layer 'conv_14'"),
        ("", "no layer"),
    ],
)
def test_bad_layers_are_refused(tiny, text, message):
    with pytest.raises(UsageError, match=message):
        parse_layers(tiny, text, ("relu4_2",))


def test_losses_are_nothing_at_their_target_and_known_elsewhere(tiny):
    photo, other = picture(0), picture(1)
    layers = {"relu2_1": 3.0, "relu4_2": 1.0}
    context = Context(tiny)
    terms = content_terms(context, photo, layers, 2.0) + style_terms(context, [alone(photo)], layers, 5.0)
    evaluate = evaluation(context, terms)
    assert float(evaluate(photo, 0)[0]) == pytest.approx(0, abs=1e-9)
    _, parts = evaluate(other, 0)
    a, b = tiny(photo, layers), tiny(other, layers)
    content = sum(w / 4 * ((a[n] - b[n]) ** 2).mean() / (a[n] ** 2).mean() for n, w in layers.items())
    assert float(parts["content"]) == pytest.approx(2 * float(content), rel=1e-5)

    def gram(f):
        return torch.einsum("bchw,bdhw->cd", f, f) / f[0, 0].numel()

    style = sum(w / 4 * ((gram(a[n]) - gram(b[n])) ** 2).sum() / (gram(a[n]) ** 2).sum() for n, w in layers.items())
    assert float(parts["style"]) == pytest.approx(5 * float(style), rel=1e-5)


def test_a_patch_that_is_too_large_is_said_as_it_was_typed(tiny):
    wide = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match="7x40 features is larger than the grid of relu2_1, which is 48x32 here"):
        content_terms(Context(tiny), wide, {"relu2_1": 1.0}, 1.0, window=parse_patch("7x40"))


def test_terms_of_no_weight_compute_nothing(tiny):
    assert content_terms(Context(tiny), picture(0), {"relu4_2": 1.0}, 0.0) == []
    assert style_terms(Context(tiny), [alone(picture(0))], {"relu4_2": 1.0}, 0.0) == []


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_give_finite_losses_and_gradients(tiny, value):
    flat = torch.full((1, 3, 48, 48), value)
    context = Context(tiny)
    terms = content_terms(context, flat, {"relu4_2": 1.0}, 1.0)
    terms += style_terms(context, [alone(flat)], {"relu1_1": 1.0}, 1.0)
    for image in (flat.clone(), picture(2)):
        total, _ = evaluation(context, terms + prior_terms(StylizeSettings(), [flat]))(image.requires_grad_(), 0)
        total.backward()
        assert torch.isfinite(total)
        assert torch.isfinite(image.grad).all()


def test_variation_counts_relative_to_the_richest_model():
    """The models themselves cost the weights, twice their contrast four times as much."""
    rough, smooth = picture(3), picture(4) * 0.1
    settings = StylizeSettings(tv_weight=2.0, tv_chroma_weight=3.0, range_weight=0.0)
    _, parts = Objective(prior_terms(settings, [smooth, rough], share=0.5))(rough, {})
    assert float(parts["tv"]) == pytest.approx(2.5, rel=1e-5)
    _, parts = Objective(prior_terms(settings, [smooth, rough]))(2 * rough, {})
    assert float(parts["tv"]) == pytest.approx(20.0, rel=1e-5)
