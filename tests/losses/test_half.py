"""Statistics of features in half precision, against statistics in float64 of the same numbers."""

from __future__ import annotations

import pytest
import torch
from tests.losses.targets import target_of
from torch import Tensor

from impasto.losses import STYLE_LOSSES, RandomDraws, distance, energy, feature, gram
from impasto.losses.content import self_similarity
from impasto.losses.moments import moment
from impasto.losses.objective import normalised_gradient
from impasto.losses.style import LayerFeatures

SHAPE = (1, 6, 24, 20)


def features(seed: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Positive, so that sums are long and rounding shows; channels last, as networks have them."""
    drawn = 0.5 + torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))
    return drawn.to(torch.bfloat16).to(dtype).contiguous(memory_format=torch.channels_last)


def weights(seed: int) -> Tensor:
    return torch.rand(1, 1, *SHAPE[2:], generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("chunk", [1 << 24, 50])
def test_gram_of_bfloat16_is_summed_and_kept_in_float32(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature, "CHUNK", chunk)
    flat = features(0, torch.float64).flatten(2)[0]
    result = gram(features(0))[0]
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), flat @ flat.T / flat.shape[1], rtol=1e-5, atol=0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("part", [False, True])
def test_moments_of_bfloat16(masked: bool, part: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature, "CHUNK", 50)

    def of(dtype: torch.dtype) -> Tensor:
        values, mask = features(1, dtype), weights(2).to(torch.bfloat16).to(dtype)
        if part:
            values, mask = values[..., 3:17, 2:15], mask[..., 3:17, 2:15]
        return moment(LayerFeatures(values, mask if masked else None))

    torch.testing.assert_close(of(torch.bfloat16).double(), of(torch.float64), rtol=1e-5, atol=0)


def test_the_gradient_returns_in_the_networks_type() -> None:
    slopes = []
    for dtype in (torch.bfloat16, torch.float64):
        leaf = features(3, dtype).requires_grad_()
        target = gram(features(4, torch.float64)).to(torch.float32 if dtype == torch.bfloat16 else dtype)
        (gram(leaf) - target).square().sum().backward()
        slopes.append(leaf.grad)
    assert slopes[0].dtype == torch.bfloat16
    assert float((slopes[0].double() - slopes[1]).norm() / slopes[1].norm()) < 0.01


@pytest.mark.parametrize("name", [name for name in STYLE_LOSSES if not STYLE_LOSSES[name]().pixels])
@pytest.mark.parametrize("masked", [False, True])
def test_every_style_loss_sees_the_numbers_as_they_are(name: str, masked: bool) -> None:
    """A statistic in bfloat16 would be off by a part in 250."""
    shape = (1, 3, *SHAPE[2:])
    values = []
    for dtype in (torch.bfloat16, torch.float32):
        a, b = (features(k, dtype)[:, : shape[1]] for k in (5, 6))
        b = b * b
        mask = weights(7).to(torch.bfloat16).to(dtype) if masked else None
        loss = STYLE_LOSSES[name]()
        target = target_of(loss, [LayerFeatures(b.to(torch.bfloat16).to(dtype))], [1.0])
        values.append(loss.distance(loss.statistic(LayerFeatures(a, mask)), target, RandomDraws(1)))
    assert values[0].dtype == torch.float32
    torch.testing.assert_close(values[0], values[1], rtol=1e-4, atol=1e-6)


def test_content_sees_the_numbers_as_they_are() -> None:
    space = torch.randn(7, 7, generator=torch.Generator().manual_seed(8))
    for metric in (None, space):
        result = []
        for dtype in (torch.bfloat16, torch.float32):
            a, b = features(9, dtype), features(10, dtype)
            result.append(
                [distance(a, b, metric), energy(a, metric), self_similarity(a, b, metric, RandomDraws(2), 100)]
            )
        for half, full in zip(*result, strict=True):
            torch.testing.assert_close(half, full, rtol=1e-5, atol=0)


def test_normalised_gradients_keep_their_size() -> None:
    leaf = features(11).requires_grad_()
    (normalised_gradient(leaf, 1e-9).float() ** 3 * 1e-12).sum().backward()
    assert leaf.grad.dtype == torch.bfloat16
    assert float(leaf.grad.float().square().mean().sqrt()) == pytest.approx(1e-9, rel=0.003)
