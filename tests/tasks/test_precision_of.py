"""Runs whose network computes in bfloat16."""

import pytest
import torch

from impasto.errors import UsageError
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.run import device
from impasto.tasks.run.device import load_encoder, precision_of
from impasto.tasks.stylize import stylize_job

CPU = torch.device("cpu")


def small(**changes) -> StylizeSettings:
    return StylizeSettings(**({"size": 96, "steps": 25, "scales": 1} | changes))


def test_auto_takes_bfloat16_where_the_device_has_it(monkeypatch):
    assert precision_of(small(), CPU) == torch.float32
    assert precision_of(small(precision="bfloat16"), CPU) == torch.bfloat16
    monkeypatch.setattr(device, "has_bfloat16", lambda device: True)
    assert precision_of(small(), CPU) == torch.bfloat16
    assert precision_of(small(precision="float32"), CPU) == torch.float32


def test_float16_is_refused():
    with pytest.raises(UsageError, match=r"unknown precision 'float16'.*allowed: auto, float32, bfloat16"):
        small(precision="float16")


@pytest.mark.parametrize("tile", [0, 32])
def test_a_run_in_bfloat16_comes_as_far(tile):
    judge = stylize_job("sample:chelsea", "sample:flow", small())
    evaluate = judge.prepare(judge.full)
    losses = {}
    for precision in ("float32", "bfloat16"):
        job = stylize_job("sample:chelsea", "sample:flow", small(precision=precision, tile=tile))
        *_, last = job.steps()
        assert last.image().dtype == torch.float32
        losses[precision] = float(evaluate(last.image(), 0)[0])
    start = float(evaluate(judge.start(), 0)[0])
    assert losses["float32"] < 0.4 * start
    assert losses["bfloat16"] < 1.1 * losses["float32"]


def test_a_compiled_network_is_asked_for_by_a_setting(monkeypatch):
    asked = []
    monkeypatch.setattr(device, "compile_network", lambda encoder: asked.append(encoder) or encoder)
    assert load_encoder(small(compile=True)) is asked[0]
    load_encoder(small())
    assert len(asked) == 1
