"""Properties of all losses that compare distributions or patches."""

import pytest
import torch
from tests.losses.targets import target_of

from impasto.errors import UsageError
from impasto.losses import patch, transport
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss

LOSSES = {**transport.LOSSES, **patch.LOSSES}
SAMPLED = [name for name in LOSSES if LOSSES[name]().stochastic]
BY_NEIGHBOURS = ["remd", "palette", "nearest", "patches"]

every = pytest.mark.parametrize("name", list(LOSSES))


def picture(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Three channels, so that it serves as pixels as well as features."""
    drawn = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.to(dtype)


def space(seed: int, wide: int = 4) -> torch.Tensor:
    return torch.randn(wide, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def compare(loss: StyleLoss, a: LayerFeatures, *paintings: LayerFeatures) -> torch.Tensor:
    target = target_of(loss, paintings, [1 / len(paintings)] * len(paintings))
    return loss.distance(loss.statistic(a), target, RandomDraws(5))


@every
def test_equal_pictures_are_no_distance_apart(name):
    for metric in (None, space(1)):
        f = LayerFeatures(picture(0, 7, 6), space=metric)
        assert compare(LOSSES[name](), f, f).item() == pytest.approx(0, abs=1e-12)


@every
def test_nothing_is_one_away(name):
    nothing = LayerFeatures(torch.zeros(1, 3, 5, 6, dtype=torch.float64))
    value = compare(LOSSES[name](), nothing, LayerFeatures(100 * picture(0, 7, 6) - 50 * (name == "nearest"))).item()
    assert value == pytest.approx(1, abs=1e-4)


@every
def test_different_pictures_are_some_distance_apart_in_the_pictures_own_type(name):
    value = compare(LOSSES[name](), *(LayerFeatures(picture(s, 7, 6, dtype=torch.float32) ** (1 + s)) for s in (0, 1)))
    assert value.dtype == torch.float32
    assert value.shape == ()
    assert 1e-3 < value.item() < 2


@every
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_flat_pictures_and_paintings_give_finite_values_and_gradients(name, level):
    loss, flat, rich = LOSSES[name](), torch.full((1, 3, 6, 6), level), picture(0, 6, 6, dtype=torch.float32)
    for a, b in ((flat, rich), (rich, flat), (flat, flat)):
        x = a.clone().requires_grad_()
        value = compare(loss, LayerFeatures(x), LayerFeatures(b))
        (gradient,) = torch.autograd.grad(value, x)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


@every
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("metric", [False, True])
def test_gradients(name, masked, metric):
    weights = picture(2, 5, 4)[:, :1] if masked else None
    r = space(3) if metric and name not in ("palette", "histogram") else None
    x, painting = picture(0, 5, 4).requires_grad_(), LayerFeatures(picture(1, 4, 6) ** 2, space=r)
    assert torch.autograd.gradcheck(lambda t: compare(LOSSES[name](), LayerFeatures(t, weights, r), painting), (x,))


@every
def test_what_lies_outside_a_mask_does_not_matter(name):
    mask = torch.zeros(1, 1, 6, 9, dtype=torch.float64)
    mask[..., 1:5, :5] = 1
    reach = 6 if name == "patches" else 5  # patches around the outermost of the masked positions stick out by one
    x, painting = picture(0, 6, 9), picture(1, 6, 9) ** 2
    elsewhere, other = x.clone(), painting.clone()
    elsewhere[..., reach:], other[..., reach:] = 9.0, -7.0
    loss = LOSSES[name]()
    plain = compare(loss, LayerFeatures(x, mask), LayerFeatures(painting, mask))
    moved = elsewhere.requires_grad_()
    result = compare(loss, LayerFeatures(moved, mask), LayerFeatures(other, mask))
    (gradient,) = torch.autograd.grad(result, moved)
    assert result.item() == pytest.approx(plain.item())
    assert gradient[..., reach:].abs().max() == 0
    assert gradient[..., :5].abs().max() > 0


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "patches"])
def test_a_mask_gives_what_the_part_cut_out_would(name):
    mask = torch.zeros(1, 1, 8, 9, dtype=torch.float64)
    mask[..., :5] = 1
    x, painting = picture(0, 8, 9), picture(1, 8, 9) ** 2
    settings = {"samples": 6_000} if name in SAMPLED else {}
    masked = compare(LOSSES[name](**settings), LayerFeatures(x, mask), LayerFeatures(painting, mask))
    cut = compare(LOSSES[name](**settings), LayerFeatures(x[..., :5]), LayerFeatures(painting[..., :5]))
    assert masked.item() == pytest.approx(cut.item(), rel=0.03)


@every
def test_several_paintings_in_equal_parts_are_one_population(name):
    """Their halves, side by side, make a painting that is no distance from both; either alone is some."""
    one, two = picture(0, 6, 5), 1 - picture(1, 6, 5) ** 3
    both = torch.cat([one, two], dim=3)
    loss = LOSSES[name]()
    assert (
        compare(loss, LayerFeatures(both), LayerFeatures(one), LayerFeatures(two)).item()
        < 0.1 * (name == "patches") + 1e-12
    )
    assert compare(loss, LayerFeatures(both), LayerFeatures(one)).item() > 1e-3


@every
def test_unequal_shares_mix_or_are_refused(name):
    loss = LOSSES[name]()
    paintings = [LayerFeatures(picture(0, 6, 5)), LayerFeatures(1 - picture(1, 6, 5) ** 3)]
    if name in BY_NEIGHBOURS:
        with pytest.raises(UsageError, match=f"'{name}'.*equal"):
            target_of(loss, paintings, [0.3, 0.7])
        return
    own = [
        loss.distance(target_of(loss, [p], [1.0]), target_of(loss, paintings, [0.8, 0.2]), RandomDraws(5))
        for p in paintings
    ]
    assert own[0] < 0.5 * own[1]


@every
def test_descent_brings_a_picture_near(name):
    loss, painting = LOSSES[name](), LayerFeatures(picture(1, 8, 8) ** 2)
    x = picture(0, 8, 8).requires_grad_()
    start = compare(loss, LayerFeatures(x), painting).item()
    adam = torch.optim.Adam([x], lr=0.03)
    for _ in range(30):
        adam.zero_grad()
        compare(loss, LayerFeatures(x), painting).backward()
        adam.step()
    assert compare(loss, LayerFeatures(x), painting).item() < 0.5 * start


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_are_drawn_by_the_dice_and_estimate_the_whole(name):
    x, painting = LayerFeatures(picture(0, 40, 40)), LayerFeatures(picture(1, 40, 40) ** 2)
    loss = LOSSES[name](samples=400)
    target = target_of(loss, [painting], [1.0])

    def value(seed: int) -> float:
        return loss.distance(loss.statistic(x), target, RandomDraws(seed)).item()

    assert value(1) == value(1)
    assert value(1) != value(2)
    whole = compare(LOSSES[name](), x, painting).item()
    assert 0.7 * whole < value(1) < (3 if name in BY_NEIGHBOURS else 1.5) * whole  # of fewer, the nearest are further


@pytest.mark.parametrize("name", SAMPLED)
def test_less_than_one_sample_is_refused(name):
    with pytest.raises(UsageError, match=f"samples of '{name}'"):
        LOSSES[name](samples=0)
