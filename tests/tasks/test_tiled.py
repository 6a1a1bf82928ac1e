"""An objective in tiles is the objective: the same value, the same parts, the same gradient."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.narrow import WIDTHS, network, randomised
from torch import Tensor

from impasto.encoders import Encoder
from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.losses import IMAGE, STYLE_LOSSES, Additive, Objective, Part, RandomDraws, Term, total_variation
from impasto.losses.content import pattern_distance
from impasto.losses.feature import positions
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import LBFGS, PARAMETERIZATIONS, Descent, Evaluation
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import content_losses, style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms, laplacian_terms, prior_terms
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.tiling.stages import Stage, keep_graphs, stages, visit_features
from impasto.tasks.tiling.tiled_objective import TiledObjective

SIDES = [(0,), (64,), (64, 16), (32, 8, 4), (0, 16, 0, 4), (64, 0)]

SIZE = (101, 97)

ADDITIVE = ["gram", "mean", "bn", "covariance", "coral", "w2", "moments", "mmd-linear"]
ADDITIVE += ["mmd-polynomial(degree=1)", "mmd-polynomial", "mmd-polynomial(c=0.3)"]

SAMPLED = [name for name, factory in STYLE_LOSSES.items() if not factory().additive and not factory().pixels]


def picture(seed: int, height: int, width: int, channels: int = 3) -> Tensor:
    """Noise, coarse and fine."""
    shape = (1, channels, height // 6 + 2, width // 6 + 2)
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(shape, generator=generator, dtype=torch.float64)
    fine = torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64)
    return 0.8 * torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear") + 0.3 * fine


def soft(height: int, width: int) -> Tensor:
    """A mask that rises from left to right."""
    return torch.linspace(-1, 2, width, dtype=torch.float64).clamp(0, 1).expand(1, 1, height, width).contiguous()


def whole(painting: Tensor) -> list[Area]:
    return [Area("picture", (StyleImage(painting),))]


def regions(size: tuple[int, int]) -> list[Area]:
    """Two regions that melt into each other, one of them after a mixture of paintings, one of these masked."""
    one, two, three = picture(1, 70, 66), picture(2, 68, 90) ** 2, picture(3, 81, 64)
    mixed = (StyleImage(one, None, 0.3), StyleImage(two, soft(68, 90), 0.7))
    return [Area("left", mixed, 1 - soft(*size)), Area("right", (StyleImage(three),), soft(*size), 0.5)]


def everything(
    encoder: Encoder, size: tuple[int, int], losses: str = "gram,w2=0.5", inside: bool = False
) -> list[Term]:
    """Regions, mixtures, content at two layers and all that holds for any picture."""
    context, photo = Context(encoder, propagation="inside" if inside else "all"), picture(4, *size)
    layers = {name: 1.0 + k for k, name in enumerate(encoder.default_style[: 4 if inside else 5])}
    names = list(encoder.layers)
    content = {encoder.default_content[0]: 1.0, names[names.index(encoder.default_content[0]) // 2]: 0.5}
    settings = StylizeSettings(tv_beta=1.5, tv_weight=0.3, tv_chroma_weight=0.2, alpha_weight=0.4)
    return [
        *style_terms(context, regions(size), layers, 1.0, style_losses(losses)),
        *content_terms(context, photo, content, 0.7),
        *prior_terms(settings, [photo]),
        *laplacian_terms(photo, 0.2),
    ]


Measured = tuple[Tensor, dict[str, Tensor], Tensor]


def at_once(encoder: Encoder, terms: Sequence[Term], x: Tensor) -> Measured:
    """Value, parts and gradient by the network and the objective themselves."""
    objective, leaf = Objective(terms), x.clone().requires_grad_()
    shown = leaf.expand(-1, 3, -1, -1)
    value, parts = objective(shown, encoder(shown, objective.layers))
    return value.detach(), parts, torch.autograd.grad(value, leaf)[0]


def in_tiles(encoder: Encoder, terms: Sequence[Term], x: Tensor, sides: Sequence[int]) -> Measured:
    objective, leaf = Objective(terms), x.clone().requires_grad_()
    cut = stages(encoder, objective.layers, (x.shape[-2], x.shape[-1]), sides)
    value, parts = TiledObjective(objective, cut)(leaf)
    return value.detach(), parts, torch.autograd.grad(value, leaf)[0]


def check_equal(found: Measured, expected: Measured, tolerance: float = 1e-10) -> None:
    (value, parts, gradient), (right, named, slope) = found, expected
    assert right > 0
    assert float((value - right).abs()) <= tolerance * float(right)
    assert parts.keys() == named.keys()
    for name, part in named.items():
        assert float((parts[name] - part).abs()) <= tolerance * max(float(part.abs()), 1e-12), name
    assert slope.abs().max() > 0
    assert gradient.shape == slope.shape
    assert float((gradient - slope).abs().max()) <= tolerance * float(slope.abs().max())


@pytest.fixture(scope="module", params=["lite", "vgg-max", "vgg-average", "resnet-max", "resnet-average"])
def case(request: pytest.FixtureRequest) -> tuple[Encoder, list[Term], Tensor, Measured]:
    encoder = network(request.param)
    terms, x = everything(encoder, SIZE), 1.5 * picture(5, *SIZE) - 0.2
    return encoder, terms, x, at_once(encoder, terms, x)


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_any_tiles_of_any_network_give_what_all_at_once_does(case, sides):
    encoder, terms, x, expected = case
    assert expected[1].keys() == {"style", "content", "tv", "range", "alpha", "laplacian"}
    assert all(float(part) > 0 for part in expected[1].values())
    check_equal(in_tiles(encoder, terms, x, sides), expected)


@pytest.mark.parametrize("kept", [1, 3, sys.maxsize])
def test_tiles_whose_graphs_are_kept_are_seen_once_and_change_nothing(case, kept, monkeypatch):
    encoder, terms, x, expected = case
    objective, leaf = Objective(terms), x.clone().requires_grad_()
    cut = stages(encoder, objective.layers, SIZE, (32, 8, 4))
    counts = [len(list(stage.tiles())) for stage in cut]
    seen, plain = [], Stage.features
    monkeypatch.setattr(Stage, "features", lambda stage, window: seen.append(stage) or plain(stage, window))
    value, parts = TiledObjective(objective, [replace(stage, kept_graphs=kept) for stage in cut])(leaf)
    check_equal((value.detach(), parts, torch.autograd.grad(value, leaf)[0]), expected)
    once = [1 if stage.whole else 2 * count - min(kept, count) for stage, count in zip(cut, counts, strict=True)]
    assert len(seen) == sum(once)


def test_graphs_are_kept_of_the_deepest_tiles_that_there_is_room_for():
    encoder = network("lite")
    cut = stages(encoder, encoder.default_style, SIZE, (32, 8, 4, 0))
    counts = [0 if stage.whole else len(list(stage.tiles())) for stage in cut]
    assert counts[-1] == 0
    assert min(counts[:-1]) > 1
    for room in (0, 0.9, 1, 2.5, counts[2], counts[2] + 1.5, sum(counts), 1e9):
        found, taken = keep_graphs(cut, room, lambda stage, tile: 1.0)
        assert [replace(stage, kept_graphs=0) for stage in found] == cut
        assert taken == sum(stage.kept_graphs for stage in found) == min(int(room), sum(counts))
        filled = [stage.kept_graphs == count for stage, count in zip(found, counts, strict=True)]
        assert filled == sorted(filled) or room < counts[2]


def test_a_larger_picture_of_odd_sides():
    encoder, size = network("lite"), (237, 311)
    terms, x = everything(encoder, size, "gram"), picture(5, *size)
    check_equal(in_tiles(encoder, terms, x, (64, 16)), at_once(encoder, terms, x))


@pytest.mark.parametrize("size", [(64, 64), (33, 130), (67, 40)])
def test_pictures_of_other_shapes(size):
    encoder = network("vgg-max")
    terms, x = everything(encoder, size), picture(5, *size)
    for sides in ((16, 8), (9, 3)):
        check_equal(in_tiles(encoder, terms, x, sides), at_once(encoder, terms, x))


def test_the_tiles_are_many_and_a_border_too_narrow_would_show():
    """What these tests compare with is not what they test."""
    encoder, terms, x = network("lite"), everything(network("lite"), SIZE), picture(5, *SIZE)
    expected, objective = at_once(encoder, terms, x), Objective(terms)
    cut = stages(encoder, objective.layers, SIZE, (32, 8, 4))
    assert [len(list(stage.tiles())) > 3 for stage in cut] == [True] * 4

    def narrow(stage: Stage) -> Stage:
        return replace(stage, segment=replace(stage.segment, halo=0))

    for k in range(4):
        leaf = x.clone().requires_grad_()
        value, _ = TiledObjective(objective, [narrow(s) if i == k else s for i, s in enumerate(cut)])(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        assert float((gradient - expected[2]).abs().max() / expected[2].abs().max()) > 1e-4


@pytest.mark.parametrize("losses", ADDITIVE)
def test_additive_losses(losses):
    encoder, x = network("lite"), picture(5, 70, 85)
    layers = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 2.0, "relu4_1": 0.5}
    terms = style_terms(Context(encoder), regions((70, 85)), layers, 1.0, style_losses(losses))
    check_equal(in_tiles(encoder, terms, x, (32, 8, 4)), at_once(encoder, terms, x))


@pytest.mark.parametrize("kind", ["vgg-max", "resnet-max"])
def test_mixtures_of_losses_each_at_layers_of_its_own(kind):
    encoder, x = network(kind), picture(5, *SIZE)
    deep, early = encoder.default_style[2:4]
    text = f"bn,covariance(layers={early}+{deep}:0.5)=0.3,coral(layers={deep})=2"
    for inside in (True, False):
        terms = everything(encoder, SIZE, text, inside)
        assert len({term.layer for term in terms if term.name == "style"}) > 3
        check_equal(in_tiles(encoder, terms, x, (32, 8, 4)), at_once(encoder, terms, x))


@pytest.mark.parametrize("kind", ["lite", "resnet-average"])
def test_regions_of_neurons_that_see_nothing_else(kind):
    """The mask of a region is hard, so that it is another one at every layer, and leaves whole tiles out."""
    encoder, size, x = network(kind), (120, 150), picture(5, 120, 150)
    mask = torch.zeros(1, 1, *size, dtype=torch.float64)
    mask[..., 10:, :110] = 1
    areas = [Area("a", (StyleImage(picture(1, 90, 80)),), mask), Area("b", (StyleImage(picture(2, 80, 90)),), 1 - mask)]
    layers = dict.fromkeys(encoder.default_style[:3], 1.0)
    found = []
    for propagation in ("inside", "all"):
        terms = style_terms(Context(encoder, propagation=propagation), areas, layers, 1.0, style_losses("gram,mean"))
        found.append(at_once(encoder, terms, x))
        check_equal(in_tiles(encoder, terms, x, (16, 8, 4)), found[-1])
    assert float((found[0][0] - found[1][0]).abs()) > 1e-6


def test_a_picture_of_light_alone():
    encoder, x = network("lite"), picture(5, *SIZE, channels=1)
    counting = Additive(lambda image, part: image.shape[1] * image.square().mean() * part.share)
    terms = [*everything(encoder, SIZE), Term("channels", IMAGE, 0.3, counting)]
    expected = at_once(encoder, terms, x)
    assert expected[2].shape == (1, 1, *SIZE)
    for sides in ((0,), (32, 8, 4), (64, 0)):
        check_equal(in_tiles(encoder, terms, x, sides), expected)


@pytest.mark.parametrize(
    "layers", [("conv1_1",), ("relu2_1",), ("pool2",), ("relu5_1",), ("conv3_2", "relu3_2", "pool3")]
)
@pytest.mark.parametrize("style", [True, False])
def test_few_terms_at_any_layers(layers, style):
    """Stages without terms of their own pass on what comes from deeper ones."""
    encoder, x, context = network("vgg-max"), picture(5, *SIZE), Context(network("vgg-max"))
    given = dict.fromkeys(layers, 1.0)
    terms = style_terms(context, whole(picture(1, 60, 64)), given, 1.0) if style else []
    terms = terms or content_terms(context, picture(4, *SIZE), given, 1.0)
    for sides in ((32, 8), (32, 0, 4), (0, 8)):
        check_equal(in_tiles(encoder, terms, x, sides), at_once(encoder, terms, x))


@pytest.mark.parametrize("losses", ["gram", "mean"])
@pytest.mark.parametrize("size", [(35, 35), (33, 47), (36, 39)])
@pytest.mark.parametrize("kind", ["vgg-max", "resnet-max"])
def test_tiles_as_small_as_a_step(losses, size, kind):
    """Sides that are no whole steps: what is left over has no position of a coarser layer of its own."""
    encoder, x, context = network(kind), picture(5, *size), Context(network(kind))
    layers = {"pool2" if kind == "vgg-max" else "pool1": 1.0}
    terms = style_terms(context, whole(picture(1, 60, 64)), layers, 1.0, style_losses(losses))
    terms += content_terms(context, picture(4, *size), layers, 1.0)
    for side in (1, 4):
        check_equal(in_tiles(encoder, terms, x, (side,)), at_once(encoder, terms, x))


def test_self_similarity_of_all_positions():
    """Of layers of no more positions than the samples all are taken, in tiles as at once."""
    encoder, x = network("lite"), picture(5, 101, 97)
    losses = content_losses("self-similarity(samples=700),features=0.5")
    terms = content_terms(Context(encoder), picture(4, 101, 97), {"relu3_1": 1.0, "relu4_2": 2.0}, 1.0, losses)
    check_equal(in_tiles(encoder, terms, x, (32, 8, 4)), at_once(encoder, terms, x))


def test_content_that_looks_at_a_painting():
    encoder, x = network("lite"), picture(5, 101, 97)
    losses, areas = content_losses("nearest", with_style=True), whole(picture(1, 60, 64))
    terms = content_terms(
        Context(encoder), picture(4, 101, 97), {"relu3_1": 1.0, "relu4_1": 2.0}, 1.0, losses, None, areas
    )
    check_equal(in_tiles(encoder, terms, x, (32, 8, 4)), at_once(encoder, terms, x))


def test_self_similarity_of_some_positions():
    """In tiles other positions are drawn than at once; they are the same in the photo and in the picture."""
    encoder, x, photo, draws = network("lite"), picture(5, *SIZE), picture(4, *SIZE), RandomDraws(6, fresh=True)
    losses = content_losses("self-similarity(samples=50)")
    terms = content_terms(Context(encoder, draws), photo, {"relu2_1": 1.0}, 1.0, losses)
    space, found = encoder.metric("relu2_1"), []
    for step in (1, 2):
        draws.set_step(step)
        found.append(in_tiles(encoder, terms, x, (32,)))
        leaf = x.clone().requires_grad_()
        here, there = (positions(encoder(y, ["relu2_1"])["relu2_1"])[0] for y in (leaf, photo))
        drawn = draws.branch(len(here)).positions(len(here), 50)
        value = pattern_distance(here[drawn], there[drawn], space)
        (slope,) = torch.autograd.grad(value, leaf)
        check_equal(found[-1], (value.detach(), {"content": value.detach()}, slope))
    assert abs(float(found[0][0] - found[1][0])) > 1e-6
    draws.set_step(1)
    assert float(in_tiles(encoder, terms, x, (16,))[0]) == pytest.approx(float(found[0][0]), rel=1e-12)


@pytest.mark.parametrize("losses", SAMPLED)
@pytest.mark.parametrize("masked", [False, True])
def test_losses_that_sample_take_small_layers_whole(losses, masked):
    """One term: where there are more, tiles see the layers, and roll the dice, in another order than at once."""
    encoder, x, draws = network("lite"), picture(5, *SIZE), RandomDraws(6)
    areas = regions(SIZE)[1:] if masked else whole(picture(1, 60, 64))
    for layer in ("relu2_1", "relu3_1"):
        terms = style_terms(Context(encoder, draws), areas, {layer: 1.0}, 1.0, style_losses(losses))
        draws.set_step(1)
        expected = at_once(encoder, terms, x)
        for sides in ((32, 8), (0, 8)):
            draws.set_step(1)
            check_equal(in_tiles(encoder, terms, x, sides), expected)


@pytest.mark.parametrize("losses", [*SAMPLED, "gram,nearest=0.5,patches(layers=relu3_1)"])
def test_losses_that_sample_estimate_large_layers(losses):
    encoder, size, draws = network("lite"), (150, 131), RandomDraws(6, fresh=True)
    x = picture(5, *size)
    context = Context(encoder, draws)
    terms = style_terms(context, whole(picture(1, 60, 64) ** 2), {"relu1_1": 1.0}, 1.0, style_losses(losses))
    draws.set_step(1)
    value = at_once(encoder, terms, x)[0]
    draws.set_step(1)
    found = in_tiles(encoder, terms, x, (64, 8))
    draws.set_step(1)
    check_equal(in_tiles(encoder, terms, x, (32, 16)), found)
    assert float(found[0]) == pytest.approx(float(value), rel=0.15)
    assert torch.isfinite(found[2]).all()
    assert found[2].abs().max() > 0
    draws.set_step(2)
    assert not torch.equal(in_tiles(encoder, terms, x, (64, 8))[2], found[2])


def test_losses_of_the_pixels_see_the_whole_picture():
    encoder, x, draws = network("vgg-max"), picture(5, *SIZE), RandomDraws(6)
    terms = style_terms(
        Context(encoder, draws), whole(picture(1, 60, 64)), {"relu2_1": 1.0}, 1.0, style_losses("gram,palette=0.5")
    )
    draws.set_step(1)
    expected = at_once(encoder, terms, x)
    draws.set_step(1)
    check_equal(in_tiles(encoder, terms, x, (32,)), expected)


def test_terms_that_do_not_add_up_are_refused_by_name():
    encoder = network("vgg-max")
    cut = partial(stages, encoder, ["relu2_1"], SIZE, (32,))
    plain = Term("edges", "relu2_1", 0.25, total_variation)
    with pytest.raises(UsageError, match=r"0\.25 edges\(relu2_1\)"):
        TiledObjective(Objective([plain]), cut())
    context = Context(encoder, normalize=True)
    terms = style_terms(context, whole(picture(1, 60, 64)), {"relu2_1": 1.0}, 3.0)
    with pytest.raises(UsageError, match=r"3 style\(relu2_1\)"):
        TiledObjective(Objective(terms), cut())
    terms = content_terms(context, picture(4, *SIZE), {"relu2_1": 1.0}, 3.0)
    with pytest.raises(UsageError, match=r"3 content\(relu2_1\)"):
        TiledObjective(Objective(terms), cut())
    terms = content_terms(Context(encoder), picture(4, *SIZE), {"relu2_1": 1.0}, 3.0, window=(5, 5))
    with pytest.raises(UsageError, match=r"3 content\(relu2_1\)"):
        TiledObjective(Objective(terms), cut())


def edges(a: Tensor, b: Tensor) -> Tensor:
    """A function of a person's own: what it sees depends on which positions are neighbours."""
    return (total_variation(a) / total_variation(b) - 1).square()


def test_a_function_of_ones_own_is_refused_by_name():
    """No sample will do for it. At once it sees all features."""
    encoder, x = network("vgg-max"), picture(5, 150, 131)
    terms = style_terms(Context(encoder), whole(picture(1, 60, 64)), {"relu1_1": 1.0}, 0.5, style_losses(edges))
    cut = stages(encoder, ["relu1_1"], (150, 131), (64,))
    with pytest.raises(UsageError, match=r"0\.5 style\(relu1_1\).*--tile 0"):
        TiledObjective(Objective(terms), cut)
    value = at_once(encoder, terms, x)[0]
    seen = [encoder(y, ["relu1_1"])["relu1_1"] for y in (x, picture(1, 60, 64))]
    assert value.item() == pytest.approx(0.5 * edges(*seen).item(), rel=1e-12)


def test_a_network_that_wraps_around_is_refused_in_tiles_and_itself_in_one():
    encoder, x = randomised(VGG("endless", WIDTHS)), picture(5, 64, 64)
    assert not encoder.periodic
    encoder.make_periodic()
    assert encoder.periodic
    terms = style_terms(Context(encoder), whole(picture(1, 64, 64)), {"relu3_1": 1.0}, 1.0)
    for sides in ((16,), (0, 4), (64, 4)):
        with pytest.raises(UsageError, match="leave --tile or --tileable out"):
            stages(encoder, ["relu3_1"], (64, 64), sides)
    expected = at_once(encoder, terms, x)
    check_equal(in_tiles(encoder, terms, x, (0,)), expected)
    bounded = at_once(network("vgg-max"), terms, x)
    assert abs(float(bounded[0] - expected[0])) > 1e-6


def test_without_a_stage_there_is_nothing_to_evaluate():
    terms = prior_terms(StylizeSettings(), [picture(4, 64, 64)])
    with pytest.raises(UsageError, match="without layers"):
        TiledObjective(Objective(terms), stages(network("vgg-max"), [], (64, 64), (16,)))


def test_terms_of_the_picture_alone_need_no_tiles():
    """Whatever the cut, the objective is evaluated as it is."""
    encoder, x = network("vgg-max"), picture(5, 64, 64)
    terms = prior_terms(StylizeSettings(tv_weight=0.3), [picture(4, 64, 64)])
    leaf = x.clone().requires_grad_()
    value, parts = evaluation(Context(encoder, tile_sizes=lambda *_: (16,)), terms)(leaf, 0)
    check_equal((value.detach(), dict(parts), torch.autograd.grad(value, leaf)[0]), at_once(encoder, terms, x))


@pytest.mark.parametrize("sides", [(32, 8), (0, 8), (64, 0)], ids=str)
def test_a_term_given_twice_counts_twice(sides):
    encoder, x, context = network("vgg-max"), picture(5, *SIZE), Context(network("vgg-max"))
    terms = style_terms(context, whole(picture(1, 60, 64)), {"relu2_1": 1.0, "relu3_1": 1.0}, 1.0)
    terms += content_terms(context, picture(4, *SIZE), {"relu3_1": 1.0}, 1.0)
    terms += prior_terms(StylizeSettings(tv_weight=0.3, alpha_weight=0.2), [x / 2])
    doubled = [replace(term, weight=2 * term.weight) for term in terms]
    check_equal(in_tiles(encoder, [*terms, *terms], x, sides), at_once(encoder, doubled, x))


def test_terms_of_the_picture_with_normalised_gradients_see_all_of_it():
    """The size of a gradient is that of the whole picture's, whatever the tiles; terms of layers are refused."""
    encoder, x = network("vgg-max"), 1.5 * picture(5, *SIZE) - 0.2
    terms = content_terms(Context(encoder), picture(4, *SIZE), {"relu3_1": 1.0}, 1.0)
    priors = prior_terms(StylizeSettings(tv_weight=0.3, range_weight=2.0), [picture(4, *SIZE)])
    terms += [replace(term, normalize=True) for term in priors]
    expected = at_once(encoder, terms, x)
    check_equal(in_tiles(encoder, terms, x, (32, 8)), expected)
    plain = at_once(encoder, [replace(term, normalize=False) for term in terms], x)
    assert float((plain[2] - expected[2]).abs().max()) > 1e-3 * float(expected[2].abs().max())


def test_the_gradient_is_the_slope_times_that_of_the_value():
    encoder, terms, x = network("vgg-max"), everything(network("vgg-max"), SIZE), picture(5, *SIZE)
    objective, leaf = Objective(terms), x.clone().requires_grad_()
    value, parts = TiledObjective(objective, stages(encoder, objective.layers, SIZE, (32, 8)))(leaf)
    assert not any(part.requires_grad for part in parts.values())
    (-3 * value).backward()
    torch.testing.assert_close(leaf.grad, -3 * at_once(encoder, terms, x)[2], rtol=1e-9, atol=1e-12)
    assert not any(parameter.grad is not None for parameter in encoder.parameters())


@pytest.mark.parametrize("kind", ["lite", "resnet-max"])
@pytest.mark.parametrize("sides", [(32, 8, 4), (64, 0)], ids=str)
def test_layers_are_shown_part_by_part(kind, sides):
    encoder, x = network(kind), picture(5, *SIZE)
    layers = [*encoder.default_style[:3], *encoder.default_content]
    expected = encoder(x, layers)
    found = {layer: torch.full_like(features, torch.nan) for layer, features in expected.items()}

    def visit(layer: str, features: Tensor, part: Part) -> None:
        assert part.of(found[layer]).isnan().all()
        part.of(found[layer]).copy_(features)

    visit_features(stages(encoder, layers, SIZE, sides), x, visit)
    for layer, features in expected.items():
        torch.testing.assert_close(found[layer], features, rtol=1e-12, atol=1e-12)


def test_paintings_and_photos_read_in_tiles_make_the_same_terms():
    encoder, x, photo, draws = network("lite"), picture(5, *SIZE), picture(4, *SIZE), RandomDraws(6)
    losses = style_losses("gram,w2=0.5,mean(layers=relu1_1),sliced(layers=relu3_1)=0.3")
    found = []
    for cut in ((0,), (32, 8, 4)):
        context = Context(encoder, draws, tile_sizes=lambda encoder, layers, size, cut=cut: cut)
        terms = style_terms(context, regions(SIZE), dict.fromkeys(encoder.default_style[:4], 1.0), 1.0, losses)
        terms += content_terms(context, photo, {"relu4_2": 1.0, "relu2_1": 0.5}, 1.0)
        leaf = x.clone().requires_grad_()
        value, parts = evaluation(context, terms)(leaf, 0)
        found.append((value.detach(), dict(parts), torch.autograd.grad(value, leaf)[0]))
    check_equal(found[1], found[0])
    assert not torch.equal(found[1][2], found[0][2])  # to rounding only: they were computed in two ways


def test_a_run_in_tiles_is_the_run():
    encoder, terms = network("vgg-max"), everything(network("vgg-max"), SIZE, "gram")
    objective = Objective(terms)
    tiled = TiledObjective(objective, stages(encoder, objective.layers, SIZE, (32, 8, 4)))
    runs = []
    for evaluate in (
        lambda x, step: objective(x, encoder(x, objective.layers)),
        lambda x, step: tiled(x),
    ):
        descent = Descent(picture(5, *SIZE), Evaluation(PARAMETERIZATIONS["pixels"](SIZE), evaluate), LBFGS())
        losses = [descent.point.loss]
        for step in range(5):
            descent.step(step + 1)
            losses.append(descent.point.loss)
        runs.append((descent, losses))
    (plain, expected), (cut, losses) = runs
    assert expected[-1] < 0.9 * expected[0]
    assert losses == pytest.approx(expected, rel=1e-8)
    torch.testing.assert_close(cut.picture, plain.picture, rtol=1e-8, atol=1e-8)
    assert float((plain.picture - picture(5, *SIZE)).abs().max()) > 1e-3
