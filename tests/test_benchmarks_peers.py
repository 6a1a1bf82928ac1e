from __future__ import annotations

import pytest
import torch
from benchmarks import crowson, neural_style, textbook
from scipy import linalg

from impasto.image import load


def positive(n: int) -> torch.Tensor:
    x = torch.randn(n, 4 * n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x @ x.T / (4 * n)


def test_the_root_and_its_slope_are_those_of_a_decomposition() -> None:
    matrix = positive(6).requires_grad_()
    root = crowson.Root.apply(matrix)
    assert torch.allclose(root, torch.from_numpy(linalg.sqrtm(matrix.detach().numpy())), atol=1e-6)
    weights = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (weights * root).sum().backward()
    other = matrix.detach().clone().requires_grad_()
    values, vectors = torch.linalg.eigh(other)
    (weights * (vectors * values.sqrt() @ vectors.T)).sum().backward()
    # eigh looks at one triangle: only the symmetric parts compare
    assert torch.allclose(matrix.grad + matrix.grad.T, other.grad + other.grad.T, atol=1e-5)


def test_wasserstein_of_normal_distributions() -> None:
    # of one channel: squared differences of mean and of deviation
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(1, 1, 40, 50, generator=generator) * s + m for s, m in ((1.0, 0.0), (2.0, 3.0)))
    known = (a.mean() - b.mean()) ** 2 + (a.std(correction=0) - b.std(correction=0)) ** 2
    assert float(crowson.Wasserstein(a)(b)) == pytest.approx(float(known), rel=1e-3)
    assert float(crowson.Wasserstein(a)(a)) == pytest.approx(0, abs=1e-4)


def test_the_sizes_and_steps_are_the_published_ones() -> None:
    assert crowson.sides(512) == [128, 181, 256, 362, 512]
    assert crowson.sides(64) == [64]
    assert [stage.published for stage in crowson.stages(256)] == [1000, 500, 500]


def test_total_variations_of_a_ramp() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 4, 5)
    # inside, 12 pixels differ by 1 from the one to the right
    assert float(neural_style.total_variation(ramp)) == 6
    flat = torch.full((1, 3, 8, 8), 0.3)
    assert float(crowson.total_variation(flat)) == pytest.approx(0, abs=1e-12)
    # of 20 pixels, 16 have a right neighbour; the border repeated, 20 of 30 diagonal pairs differ
    assert float(crowson.total_variation(ramp)) == pytest.approx(2 / 3 * 16 / 20 + 2 * 20 / 30 / 6)


def test_averages_do_not_lean_to_their_start() -> None:
    average = crowson.Average(torch.ones(2))
    for _ in range(3):
        average.add(torch.ones(2))
    assert torch.allclose(average.value(), torch.ones(2))
    average.add(torch.zeros(2))
    assert 0.7 < float(average.value()[0]) < 1


def test_caffes_pixels_and_back() -> None:
    image = torch.rand(1, 3, 4, 4)
    there = neural_style.prepared(image)
    assert float(there[0, 2, 0, 0]) == pytest.approx(255 * float(image[0, 0, 0, 0]) - 123.68, abs=1e-4)
    assert torch.allclose(neural_style.finished(there), image, atol=1e-6)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of VGG-19's width: the modules that build it look at one table."""
    monkeypatch.setattr(textbook, "VGG19", ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,)))


@pytest.mark.usefixtures("narrow")
def test_neural_style_descends() -> None:
    content, style = (load(f"sample:{name}").pixels[..., :48, :48] for name in ("coffee", "flow"))
    model, losses = neural_style.build(neural_style.prepared(content), neural_style.prepared(style))

    def total(image: torch.Tensor) -> float:
        model(neural_style.prepared(image))
        return float(sum(weight * module.loss for weight, module in losses))

    first, _ = neural_style.run(content, style, 1, init="image")
    made, seconds = neural_style.run(content, style, 12, init="image")
    assert len(seconds) == 12
    assert total(made) < 0.8 * total(first)
    assert [weight for weight, _ in losses] == [100, 100, 100, 100, 5, 100]


@pytest.mark.usefixtures("narrow")
def test_crowson_goes_through_its_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowson, "SMALLEST", 32)
    content, style = (load(f"sample:{name}").pixels for name in ("coffee", "flow"))
    made, stages = crowson.run(content, style, 64, 3)
    assert [stage.side for stage in stages] == [32, 45, 64]
    assert [len(stage.steps) for stage in stages] == [3, 3, 3]
    assert max(made.shape) == 64
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_adam_goes_on_where_it_was() -> None:
    small = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    before = crowson.adam(small, None)
    small.square().sum().backward()
    before.step()
    large = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    after = crowson.adam(large, before.state[small])
    state = after.state[large]
    assert state["exp_avg"].shape == large.shape
    assert torch.allclose(state["exp_avg"], before.state[small]["exp_avg"][0, 0, 0, 0].expand_as(large), atol=1e-6)
    assert float(state["step"]) == 1
