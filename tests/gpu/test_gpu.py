"""What a GPU computes, against the processor: `pytest -m gpu`, where there is one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders.compiled import compile_network
from impasto.losses import gram
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.stylize import stylize_job

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")


def picture(seed: int, side: int = 128) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, side // 8, side // 8, generator=draw)
    fine = torch.rand(1, 3, side, side, generator=draw)
    return 0.7 * torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear") + 0.3 * fine


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch):
    """No TF32, which is a matter of its own."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def job(**changes):
    settings = {"size": 128, "scales": 1, "steps": 10, "device": "cuda", "precision": "float32", "init": "photo"}
    return stylize_job(picture(0)[0], picture(1)[0], StylizeSettings(**(settings | changes)))


def slope(made, x: Tensor, device: torch.device) -> tuple[float, Tensor]:
    """The loss of a picture, and its gradient, on the processor."""
    leaf = x.to(device).requires_grad_()
    loss, _ = made.prepare(made.full)(leaf, 0)
    return float(loss.detach()), torch.autograd.grad(loss, leaf)[0].cpu()


def away(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("loss", ["gram", "covariance", "sliced", "nearest", "w2", "histogram"])
def test_an_evaluation_is_that_of_the_processor(loss: str) -> None:
    here, there = job(style_loss=loss, device="cpu"), job(style_loss=loss)
    (value, gradient), (found, same) = slope(here, picture(2), torch.device("cpu")), slope(there, picture(2), CUDA)
    assert found == pytest.approx(value, rel=1e-3)
    assert away(same, gradient) < 1e-2


@pytest.mark.usefixtures("exact")
def test_a_short_run_is_that_of_the_processor() -> None:
    runs = []
    for device in ("cpu", "cuda"):
        *_, last = job(device=device, steps=3).steps()
        runs.append((last.loss, last.image().cpu()))
    assert runs[1][0] == pytest.approx(runs[0][0], rel=1e-3)
    assert float((runs[0][1] - runs[1][1]).abs().mean()) < 1e-3


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_tiles_are_the_whole(precision: str) -> None:
    (value, gradient), (found, same) = (
        slope(job(tile=tile, precision=precision), picture(2), CUDA) for tile in (0, 48)
    )
    near = 1e-3 if precision == "float32" else 2e-2
    assert found == pytest.approx(value, rel=near)
    assert away(same, gradient) < 5 * near


@pytest.mark.usefixtures("exact")
def test_pictures_with_the_processor_and_tiles_on_the_gpu_come_to_the_same() -> None:
    runs = []
    for memory in (None, "400MB"):
        made = job(size=1024, steps=3, memory=memory)
        assert made.plan()[0].memory_plan.offloaded == bool(memory)
        *_, last = made.steps()
        runs.append((last.loss, last.image().cpu()))
    assert runs[1][0] == pytest.approx(runs[0][0], rel=1e-3)
    assert float((runs[0][1] - runs[1][1]).abs().mean()) < 1e-3


def test_bfloat16_is_near_float32() -> None:
    (value, gradient), (found, half) = (slope(job(precision=p), picture(2), CUDA) for p in ("float32", "bfloat16"))
    assert found == pytest.approx(value, rel=0.02)
    assert away(half, gradient) < 0.2


def test_auto_is_bfloat16_where_it_is_fast() -> None:
    network = encoders.load("lite", device="cuda", dtype=torch.bfloat16)
    assert network(picture(0).cuda(), LAYERS)["relu5_1"].dtype == torch.bfloat16
    from impasto.encoders.loading import has_bfloat16  # noqa: PLC0415
    from impasto.tasks.run.device import precision_of  # noqa: PLC0415

    expected = torch.bfloat16 if has_bfloat16(CUDA) else torch.float32
    assert precision_of(StylizeSettings(), CUDA) == expected


def test_gram_of_bfloat16_is_not_rounded_to_it() -> None:
    features = (0.5 + torch.rand(1, 64, 128, 128, generator=torch.Generator().manual_seed(3))).to(torch.bfloat16)
    flat = features.double().flatten(2)[0]
    found = gram(features.to(CUDA, memory_format=torch.channels_last))[0].cpu()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), flat @ flat.T / flat.shape[1], rtol=2e-5, atol=0)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_compiled_network_is_the_same(kind: torch.dtype) -> None:
    plain, compiled = (encoders.load("lite", device="cuda", dtype=kind) for _ in range(2))
    compile_network(compiled)
    kept = []
    for _ in range(4):  # the first time as it is, then compiled, then as a graph
        slopes = []
        for network in (plain, compiled):
            leaf = picture(4).cuda().requires_grad_()
            found = network(leaf, LAYERS)
            slopes.append(torch.autograd.grad(sum(f.float().square().mean() for f in found.values()), leaf)[0])
        kept.append(slopes)
    near = 1e-3 if kind == torch.float32 else 0.05
    for one, other in kept:  # those of earlier steps, too, are still what they were
        assert away(other, one) < near


def test_a_run_with_a_compiled_network_comes_as_far() -> None:
    losses = []
    for compiled in (False, True):
        *_, last = job(steps=20, compile=compiled).steps()
        losses.append(last.loss)
    assert losses[1] < 1.1 * losses[0]


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam"}, {"canvas": "fourier"}, {"style_loss": "sliced"}])
def test_runs_go_down(settings: dict) -> None:
    first, *_, last = job(precision="auto", scales=2, steps=15, **settings).steps()
    assert last.image().shape == (1, 3, 128, 128)
    assert torch.isfinite(last.image()).all()
    if not settings.get("style_loss"):
        assert last.loss < first.loss


def test_a_step_waits_a_few_times() -> None:
    steps = job(steps=6, precision="auto").steps()
    next(steps)
    next(steps)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with pytest.warns(UserWarning, match="synchronizing") as caught:
            for _ in steps:
                pass
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [warning for warning in caught if "synchronizing" in str(warning.message)]
    assert len(waits) <= 4 * 8, [str(warning.filename) for warning in waits]
