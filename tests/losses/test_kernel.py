import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import linear_kernel, polynomial_kernel, rbf_kernel
from tests.losses.targets import target_of

from impasto.errors import UsageError
from impasto.losses import gram, relative
from impasto.losses.kernel import LOSSES, gaussian, linear, polynomial
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5


def rows(f: torch.Tensor) -> np.ndarray:
    return f[0].flatten(1).T.numpy()


def metric() -> torch.Tensor:
    return features(2, 4, 4)


def compare(loss: StyleLoss, f: LayerFeatures, g: LayerFeatures, draws: RandomDraws | None = None) -> torch.Tensor:
    return loss.distance(loss.statistic(f), target_of(loss, [g], [1.0]), draws or RandomDraws())


def discrepancy(kernel, x: np.ndarray, y: np.ndarray, nothing: float = 0.0) -> float:
    own, goal, both = kernel(x, x).mean(), kernel(y, y).mean(), kernel(x, y).mean()
    return (own + goal - 2 * both) / (goal - nothing)


def powers(degree: int, c: float):
    return lambda x, y: polynomial_kernel(x, y, degree=degree, gamma=1, coef0=c)


KERNELS = {
    "linear": (linear(), linear_kernel, 0.0),
    "degree 1": (polynomial(1, 0.7), powers(1, 0.7), 0.7),
    "degree 2": (polynomial(), powers(2, 0), 0.0),
    "degree 2, c": (polynomial(2, 0.7), powers(2, 0.7), 0.49),
    "degree 3": (polynomial(3, 0.7), powers(3, 0.7), 0.343),
    "degree 4": (polynomial(4), powers(4, 0), 0.0),
    "gaussian": (gaussian(1.5), lambda x, y: rbf_kernel(x, y, gamma=1 / (2 * 1.5**2)), 0.0),
}
"""Each with the kernel of scikit-learn, and with what the kernel is of nothing and nothing."""

FEW = {"degree 3": polynomial(3, 0.7, 12), "degree 4": polynomial(4, 0, 12), "gaussian": gaussian(1.5, 12)}
"""Those that draw samples, with smaller ones."""

kernels = pytest.mark.parametrize("name", KERNELS)
sampled = pytest.mark.parametrize("name", FEW)


@kernels
def test_of_small_pictures_the_distance_is_the_whole_populations(name):
    loss, kernel, nothing = KERNELS[name]
    f, g = features(3, 1, 3, 6, 5), 2 * features(4, 1, 3, 4, 5)
    expected = discrepancy(kernel, rows(f), rows(g), nothing)
    assert compare(loss, LayerFeatures(f), LayerFeatures(g)).item() == pytest.approx(expected, rel=1e-9)


@kernels
def test_in_a_space_the_points_are_those_of_the_space(name):
    loss = KERNELS[name][0]
    f, g, space = features(3, 1, 3, 6, 5), 2 * features(4, 1, 3, 4, 5), metric()

    def moved(x):
        return torch.einsum("kc,bchw->bkhw", space[:, :-1], x) + space[:, -1, None, None]

    expected = compare(loss, LayerFeatures(moved(f)), LayerFeatures(moved(g))).item()
    assert compare(loss, LayerFeatures(f, None, space), LayerFeatures(g, None, space)).item() == pytest.approx(
        expected, rel=1e-9
    )


@kernels
def test_equal_pictures_are_no_distance_apart(name):
    f = LayerFeatures(features(3, 1, 3, 6, 5))
    assert compare(KERNELS[name][0], f, f).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "gaussian"])
def test_nothing_is_one_away(name):
    g = features(4, 1, 3, 4, 5)
    assert compare(KERNELS[name][0], LayerFeatures(torch.zeros_like(g)), LayerFeatures(g)).item() == pytest.approx(
        1, rel=1e-9
    )


def test_far_away_is_one_plus_the_kernels_room_for_gaussians():
    f, g = features(3, 1, 3, 6, 5), features(4, 1, 3, 4, 5)
    goal = rbf_kernel(rows(g), gamma=1 / 8).mean()
    value = compare(gaussian(2), LayerFeatures(f[..., :1, :1] + 1e3), LayerFeatures(g)).item()
    assert value == pytest.approx(1 + 1 / goal, rel=1e-9)


def test_degree_two_without_a_constant_is_gram():
    f, g = features(3, 1, 5, 6, 5).float(), 2 * features(4, 1, 5, 4, 5).float()
    assert torch.equal(compare(polynomial(), LayerFeatures(f), LayerFeatures(g)), relative(gram(f), gram(g)))


def test_the_gaussian_is_by_default_as_wide_as_the_painting():
    f, g = features(3, 1, 3, 6, 5), 2 * features(4, 1, 3, 4, 5)
    sigma = float(np.sqrt(np.median(pdist(rows(g)) ** 2)))
    result = compare(gaussian(), LayerFeatures(f), LayerFeatures(g)).item()
    # Of an even number of distances torch takes the lower of the two in the middle.
    assert result == pytest.approx(compare(gaussian(sigma), LayerFeatures(f), LayerFeatures(g)).item(), rel=1e-2)
    assert compare(gaussian(), LayerFeatures(50 * f), LayerFeatures(50 * g)).item() == pytest.approx(result)


@sampled
def test_samples_estimate_the_whole_populations(name):
    """The mean over many draws: within five standard errors, but for polynomials, whose samples' distance is above."""
    (exact, kernel, nothing), loss = KERNELS[name], FEW[name]
    f, g = features(3, 1, 3, 6, 5), 1.2 * features(4, 1, 3, 7, 5)
    statistic, target = loss.statistic(LayerFeatures(f)), target_of(loss, [LayerFeatures(g)], [1.0])
    drawn = [loss.distance(statistic, target, RandomDraws(seed)).item() for seed in range(3000)]
    error = np.std(drawn) / len(drawn) ** 0.5
    bias = np.mean(drawn) - discrepancy(kernel, rows(f), rows(g), nothing)
    assert abs(bias) < 5 * error or (name != "gaussian" and bias > 0 and min(drawn) >= 0)
    assert compare(exact, LayerFeatures(f), LayerFeatures(g)).item() != pytest.approx(drawn[0])


def test_an_optimizer_that_sees_one_sample_cannot_go_below_the_painting():
    """Far apart, the points of a sample used to be further below nothing the further they were."""
    f, g, loss = features(3, 1, 3, 20, 20), LayerFeatures(features(4, 1, 3, 20, 20)), polynomial(3, samples=50)
    for scale in (1.0, 10.0, 100.0):
        assert compare(loss, LayerFeatures(scale * f), g).item() > 0


@sampled
def test_estimates_repeat_with_the_dice_and_change_with_the_step_if_fresh(name):
    loss = FEW[name]
    f, g = LayerFeatures(features(3, 1, 3, 6, 5)), LayerFeatures(features(4, 1, 3, 7, 5))
    fresh = RandomDraws(fresh=True)
    first = compare(loss, f, g, fresh)
    assert torch.equal(first, compare(loss, f, g, RandomDraws()))
    fresh.set_step(1)
    assert not torch.equal(first, compare(loss, f, g, fresh))


@kernels
def test_a_mask_cuts_a_part_out(name):
    loss = KERNELS[name][0]
    f, g, mask = features(5, 1, 3, 9, 10), features(4, 1, 3, 4, 5), torch.zeros(1, 1, 9, 10).double()
    f[..., :4] += 100
    mask[..., 4:] = 1
    expected = compare(loss, LayerFeatures(f[..., 4:]), LayerFeatures(g)).item()
    result = compare(loss, LayerFeatures(f, mask), LayerFeatures(g)).item()
    assert result == pytest.approx(expected, abs=0.1 if loss.stochastic else 1e-9)  # a weighted cloud is drawn from


@kernels
def test_paintings_mix_as_populations(name):
    loss = KERNELS[name][0]
    f, g = LayerFeatures(features(3, 1, 3, 6, 5)), features(4, 1, 3, 4, 20)
    statistic, whole = loss.statistic(f), target_of(loss, [LayerFeatures(g)], [1.0])
    parts = target_of(loss, [LayerFeatures(g[..., :5]), LayerFeatures(g[..., 5:])], [0.25, 0.75])
    expected, result = (loss.distance(statistic, target, RandomDraws()).item() for target in (whole, parts))
    assert result == pytest.approx(expected, abs=0.1 if loss.stochastic else 1e-9)
    halves = target_of(loss, [LayerFeatures(g[..., :10]), LayerFeatures(g[..., 10:])], [0.5, 0.5])
    assert loss.distance(statistic, halves, RandomDraws()).item() == pytest.approx(expected, rel=1e-9)


@kernels
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("moved", [False, True])
def test_gradients(name, masked, moved):
    loss, space = KERNELS[name][0], metric() if moved else None
    weights = features(9, 1, 1, 2, 3).abs() if masked else None
    f, g = features(7, 1, 3, 2, 3).requires_grad_(), features(8, 1, 3, 4, 5)
    if masked and loss.stochastic:
        loss = {"degree 3": polynomial(3, 0.7, 12), "degree 4": polynomial(4, 0, 12), "gaussian": gaussian(1.5, 12)}[
            name
        ]
    assert torch.autograd.gradcheck(
        lambda x: compare(loss, LayerFeatures(x, weights, space), LayerFeatures(g, None, space)), (f,)
    )


PICTURES = {
    "black": torch.zeros_like,
    "flat": lambda g: g[..., :1, :1].expand_as(g).clone(),
    "grey": lambda g: g[:, :1].expand_as(g).clone(),
    "varied": lambda g: g,
}


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("painting", PICTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_flat_and_grey_pictures_and_paintings_give_finite_numbers(picture, painting, dtype):
    sampled = polynomial(3, 0.0, 50), polynomial(3, 1.0), gaussian(samples=50), gaussian()
    for loss in (linear(), polynomial(2, 1.0), *sampled):
        f, g = (1000 * features(seed, 1, 16, 24, 24).to(dtype) for seed in (3, 4))
        f, g = PICTURES[picture](f).requires_grad_(), PICTURES[painting](g)
        value = compare(loss, LayerFeatures(f), LayerFeatures(g))
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(f.grad).all()


@kernels
def test_a_single_position_has_a_style(name):
    f, g = features(3, 1, 4, 1, 1).requires_grad_(), features(4, 1, 4, 1, 1)
    value = compare(KERNELS[name][0], LayerFeatures(f), LayerFeatures(g))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(f.grad).all()


def test_descent_brings_a_picture_to_the_paintings_population():
    f, g = features(3, 1, 3, 20, 20).requires_grad_(), LayerFeatures(2 * features(4, 1, 3, 20, 20).abs())
    for loss in (polynomial(3, samples=100), gaussian(samples=100)):
        x, draws = f.detach().clone().requires_grad_(), RandomDraws(fresh=True)
        optimizer = torch.optim.Adam([x], lr=0.05)
        for step in range(60):
            draws.set_step(step)
            optimizer.zero_grad()
            compare(loss, LayerFeatures(x), g, draws).backward()
            optimizer.step()
        full = polynomial(3) if loss.name == "mmd-polynomial" else gaussian()
        assert compare(full, LayerFeatures(x), g) < 0.2 * compare(full, LayerFeatures(f), g)


@pytest.mark.parametrize(
    "make",
    [
        lambda: polynomial(0),
        lambda: polynomial(2.5),
        lambda: polynomial(2, -1.0),
        lambda: polynomial(2, float("nan")),
        lambda: polynomial(3, samples=1),
        lambda: gaussian(0.0),
        lambda: gaussian(float("inf")),
        lambda: gaussian(samples=10.0),
    ],
)
def test_settings_that_make_no_kernel_are_refused(make):
    with pytest.raises(UsageError, match=r"'mmd-\w+' must be a (whole )?number"):
        make()


def test_losses_carry_their_public_names():
    assert {name: make().name for name, make in LOSSES.items()} == {name: name for name in LOSSES}
    assert [make().additive for make in LOSSES.values()] == [True, True, False]
    assert not polynomial(3).additive
