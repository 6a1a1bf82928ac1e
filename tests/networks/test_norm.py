import numpy as np
import pytest
import torch
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks import ConditionalNorm, Moments


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = 3 * numbers(2, 5, 6, 7) + 2
SCALE, SHIFT = numbers(2, 5, 1, 1, seed=1), numbers(2, 5, 1, 1, seed=2)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs_then_scaled_and_shifted(order):
    norm, x = ConditionalNorm(5), X.contiguous(memory_format=order)
    result = norm(x, SCALE, SHIFT)
    torch.testing.assert_close(result, F.instance_norm(X) * SCALE + SHIFT)
    assert result.is_contiguous(memory_format=order)
    one = F.instance_norm(X, weight=SCALE[0, :, 0, 0], bias=SHIFT[0, :, 0, 0])
    torch.testing.assert_close(norm(x, SCALE[:1], SHIFT[:1]), one)
    assert not list(norm.parameters())


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_its_gradients_are_torchs(order):
    cotangent, gradients = numbers(*X.shape, seed=5), []
    for norm in (ConditionalNorm(5), lambda x, scale, shift: F.instance_norm(x) * scale + shift):
        inputs = [X.clone(memory_format=order), SCALE.clone(), SHIFT.clone()]
        (norm(*(each.requires_grad_() for each in inputs)) * cotangent).sum().backward()
        gradients.append([each.grad for each in inputs])
    torch.testing.assert_close(*gradients)


def test_batch_norm_is_torchs_while_training_and_later():
    norm, theirs = ConditionalNorm(5, "batch").double(), torch.nn.BatchNorm2d(5, affine=False).double()
    ones, zeros = torch.ones_like(SCALE), torch.zeros_like(SHIFT)
    for step in range(3):
        batch = X + step
        torch.testing.assert_close(norm(batch, ones, zeros), theirs(batch))
    norm.eval(), theirs.eval()
    # torch counts the running variance with one position less
    variance = norm.running_variance.flatten()
    theirs.running_var.copy_(variance)
    torch.testing.assert_close(norm.running_mean.flatten(), theirs.running_mean)
    torch.testing.assert_close(norm(X, ones, zeros), theirs(X))


def test_the_running_variance_is_the_batchs():
    norm = ConditionalNorm(5, "batch").double()
    norm(X, SCALE, SHIFT)
    expected = 0.9 + 0.1 * X.var(dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(norm.running_variance.flatten(), expected)


@pytest.mark.parametrize("kind", ["instance", "batch"])
def test_fixed_moments_are_used_and_reported(kind):
    norm, used_moments = ConditionalNorm(5, kind).double(), []
    moments = Moments(numbers(2, 5, 1, 1, seed=3), numbers(2, 5, 1, 1, seed=4) ** 2)
    before = norm.state_dict()
    result = norm(X, SCALE, SHIFT, moments, used_moments)
    torch.testing.assert_close(result, (X - moments.mean) / (moments.variance + 1e-5).sqrt() * SCALE + SHIFT)
    assert used_moments == [moments]
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())


def test_scales_and_shifts_may_be_maps():
    scale, shift = numbers(2, 5, 6, 7, seed=1), numbers(2, 5, 6, 7, seed=2)
    torch.testing.assert_close(ConditionalNorm(5)(X, scale, shift), F.instance_norm(X) * scale + shift)


@pytest.mark.parametrize("contrast", [0.3, 3.0])
def test_instance_norm_forgets_contrast_and_batch_norm_does_not(contrast):
    instance, batch = ConditionalNorm(5).double(), ConditionalNorm(5, "batch").double().eval()
    torch.testing.assert_close(instance(contrast * X, SCALE, SHIFT), instance(X, SCALE, SHIFT), atol=1e-3, rtol=1e-3)
    assert (batch(contrast * X, SCALE, SHIFT) - batch(X, SCALE, SHIFT)).abs().mean() > 0.5


def test_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="unknown norm 'layer'; allowed: instance, batch"):
        ConditionalNorm(5, "layer")


def test_moments_by_weights_are_numpys():
    weights = numbers(2, 1, 6, 7, seed=8).abs()
    moments = ConditionalNorm(5).moments(X, weights)
    for k in range(2):
        points, counts = X[k].flatten(1).numpy(), weights[k].flatten().numpy()
        mean = np.average(points, axis=1, weights=counts)
        np.testing.assert_allclose(moments.mean[k, :, 0, 0], mean)
        squares = np.average((points - mean[:, None]) ** 2, axis=1, weights=counts)
        np.testing.assert_allclose(moments.variance[k, :, 0, 0], squares)
