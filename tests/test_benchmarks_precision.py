"""The benchmark of types of number runs, and judges both sides alike."""

import re
import sys

import torch
from benchmarks import precision

from impasto.image import fitted_size, resize
from impasto.settings.synthesis import StylizeSettings


def test_a_pair_has_its_row_and_all_have_a_mean(monkeypatch, capsys):
    seen = []

    def run(photo: torch.Tensor, painting: str, settings: StylizeSettings) -> tuple[torch.Tensor, float]:
        seen.append((settings.precision, photo))
        small = resize(photo[None], fitted_size(photo.shape[-2:], settings.size))
        return small * (0.9 if settings.precision == "bfloat16" else 1.0), 1.0

    monkeypatch.setattr(precision, "run", run)
    monkeypatch.setattr(sys, "argv", ["precision", "--size", "64", "--replicates", "2", "sample:chelsea+sample:flow"])
    precision.main()
    told = capsys.readouterr().out
    assert [kind for kind, _ in seen] == ["float32", "bfloat16"] * 2
    assert torch.equal(seen[0][1], seen[1][1]), "both sides begin alike"
    assert 0 < float((seen[0][1] - seen[2][1]).abs().mean()) < 2e-3
    ratio = float(re.search(r"flow \| [^|]* \| ([\d.]+) \|", told)[1])
    assert ratio != 1
    assert f"ends {ratio - 1:+.1%} of float32's loss" in told


def test_a_run_is_timed():
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    picture, seconds = precision.run(photo, "sample:flow", StylizeSettings(size=64, steps=2, scales=1))
    assert picture.shape == (1, 3, 64, 64)
    assert seconds > 0
