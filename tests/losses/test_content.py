import numpy as np
import pytest
import torch
from tests.losses.targets import target_of

from impasto.errors import UsageError
from impasto.losses import (
    CONTENT_LOSSES,
    IMAGE,
    STYLE_LOSSES,
    LayerFeatures,
    Objective,
    RandomDraws,
    StyleLoss,
    Term,
    from_function,
    self_similarity,
)


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_features_are_compared_position_by_position():
    a, b = features(0, 1, 4, 5, 6), features(1, 1, 4, 5, 6)
    result = CONTENT_LOSSES["features"]()(b, None, RandomDraws(), 0.5)(a)
    assert result.item() == pytest.approx(0.5 * (a - b).square().sum(1).mean().item())


@pytest.mark.parametrize("wide", [None, 7])
def test_correlation_is_numpys(wide):
    picture, photo = features(0, 1, 4, 5, 6), features(1, 1, 4, 5, 6)
    photo = photo + 0.5 * picture + 100  # a large mean must not drown the variance
    space = None if wide is None else features(2, wide, 5)

    def maps(values):
        points = values[0].flatten(1)
        points = points if space is None else space[:, :-1] @ points
        return (points - points.mean(1, keepdim=True)).flatten().numpy()

    result = CONTENT_LOSSES["correlation"]()(photo, space, RandomDraws(), 0.5)(picture)
    assert result.item() == pytest.approx(1 - np.corrcoef(maps(picture), maps(photo))[0, 1], abs=1e-5)


def test_correlation_leaves_palette_and_contrast_free():
    photo, shift = features(1, 1, 4, 5, 6), features(2, 1, 4, 1, 1)
    loss = CONTENT_LOSSES["correlation"]()(photo, None, RandomDraws(), 1.0)
    assert loss(photo).item() == pytest.approx(0, abs=1e-6)
    assert loss(0.3 * photo + shift).item() == pytest.approx(0, abs=1e-5)
    assert loss(-photo).item() == pytest.approx(2, abs=1e-5)
    flat = torch.full_like(photo, 3.0).requires_grad_()
    value = loss(flat)
    assert value.item() == pytest.approx(1)
    assert torch.isfinite(torch.autograd.grad(value, flat)[0]).all()
    nothing = CONTENT_LOSSES["correlation"]()(flat.detach(), None, RandomDraws(), 1.0)
    assert nothing(photo).item() == pytest.approx(1)


def test_self_similarity_is_compared_at_so_many_positions():
    a, b = features(0, 1, 4, 5, 6), features(1, 1, 4, 5, 6)
    for samples in (8, 1024):
        result = CONTENT_LOSSES["self-similarity"](samples)(b, None, RandomDraws(3), 0.5)(a)
        assert result.item() == pytest.approx(self_similarity(a, b, None, RandomDraws(3), samples).item())


def test_nearest_compares_directions_position_by_position():
    a, b = features(0, 1, 4, 5, 6), features(1, 1, 4, 5, 6)
    loss = CONTENT_LOSSES["nearest"]()
    assert loss.needs_style
    result, same = (loss(b, None, RandomDraws(), 0.5)(x).item() for x in (a, 3 * b))
    assert result == pytest.approx(1 - torch.cosine_similarity(a, b).mean().item(), abs=1e-5)
    assert same == pytest.approx(0, abs=1e-5)


def test_every_style_loss_is_made_by_its_name():
    for name, factory in STYLE_LOSSES.items():
        loss = factory()
        assert isinstance(loss, StyleLoss)
        assert loss.name == name


def test_a_function_of_two_features_is_a_style_loss():
    def mine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a.mean() - b.mean()).abs()

    loss, a, b = from_function(mine), features(0, 1, 3, 4, 5), features(1, 1, 3, 6, 6)
    target = target_of(loss, [LayerFeatures(b)], [1.0])
    assert loss.distance(loss.statistic(LayerFeatures(a)), target, RandomDraws()).item() == pytest.approx(
        mine(a, b).item()
    )
    space = torch.cat([2 * torch.eye(3), torch.ones(3, 1)], 1).double()
    moved = loss.statistic(LayerFeatures(a, None, space))
    torch.testing.assert_close(moved, 2 * a + 1)
    with pytest.raises(UsageError, match="'mine' is a plain function of features, which knows no masks"):
        loss.statistic(LayerFeatures(a, torch.ones(1, 1, 4, 5)))
    with pytest.raises(UsageError, match="knows one painting only"):
        target_of(loss, [LayerFeatures(a), LayerFeatures(b)], [0.5, 0.5])


def test_a_normalised_term_keeps_its_value_and_has_a_gradient_of_its_weight():
    target = features(2, 1, 3, 8, 8)
    plain, even = (Term("a", IMAGE, 5.0, lambda x: 1e-4 * (x - target).square().sum(), n) for n in (False, True))
    sizes = []
    for term in (plain, even):
        x = features(3, 1, 3, 8, 8).requires_grad_()
        value, _ = Objective([term])(x, {})
        value.backward()
        assert value.item() == pytest.approx(5e-4 * (x - target).square().sum().item())
        sizes.append(x.grad.square().mean().sqrt().item() * x.numel())
    assert sizes[1] == pytest.approx(5.0)
    assert sizes[0] != pytest.approx(5.0, rel=0.5)
