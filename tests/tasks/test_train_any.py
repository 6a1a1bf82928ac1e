"""Training of networks for any painting."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from impasto import networks
from impasto.image import load
from impasto.networks import AnyStyle
from impasto.settings.synthesis import StylizeSettings
from impasto.settings.train import TrainAnySettings
from impasto.tasks.stylize import stylize_job
from impasto.tasks.training.any_style import AnyStyleTraining, augment_colors, train_any_steps
from impasto.tasks.training.photos import Photos

ANY = TrainAnySettings(size=64, style_size=96, batch=2, steps=4, warmup=0)


def test_a_network_for_any_painting_goes_on_where_it_was(photos, tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    settings = replace(ANY, schedule="constant")
    losses = [step.loss for step in train_any_steps(photos, photos, settings, out=whole)]
    found = [step.loss for step in train_any_steps(photos, photos, replace(settings, steps=2), out=parts)]
    found += [step.loss for step in train_any_steps(photos, photos, settings, out=parts)]
    assert found == losses
    ours, theirs = (networks.load(path).state_dict() for path in (parts, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_it_paints_after_paintings_that_it_has_not_seen(photos, tmp_path):
    out = tmp_path / "any.safetensors"
    *_, last = train_any_steps(photos, photos, ANY, out=out)
    network = networks.load(out)
    assert isinstance(network, AnyStyle)
    with torch.inference_mode():
        codes = [network.code(load(f"sample:{name}").pixels) for name in ("ink", "glass")]
        photo = load("sample:coffee").pixels
        first, second = (network(photo, code) for code in codes)
    assert first.shape == photo.shape
    assert not torch.equal(first, second)
    assert last.sheet().shape[-2] > 3 * 64
    assert networks.describe(out)["provenance"]["paintings"]["count"] == 4


def test_a_piece_of_a_painting_is_asked_for_as_stylize_asks_for_it(photos):
    settings = replace(ANY, colours=0.0, strength=0.5, tv_weight=0.1, tv_chroma_weight=0.05, lattice_weight=0.0)
    settings = replace(settings, blotch_weight=0.0)
    training = AnyStyleTraining(Photos(photos), Photos(photos, what="painting"), settings)
    pieces = training.placed(training.crops([0, 1]))
    painted, models, paintings = training.paint(pieces, [0, 1])
    total, _ = training.perceptual(painted, pieces, models, [0, 1])
    expected = 0.0
    for k in range(2):
        run = stylize_job(
            pieces[k : k + 1],
            paintings[k],
            StylizeSettings(
                size=64,
                scales=1,
                style_scale=paintings[k].shape[-1] / 64,
                tv_weight=0.1,
                tv_chroma_weight=0.05,
                blotch_weight=0.0,
            ),
        )
        value, _ = run.prepare((64, 64))(painted[k : k + 1].detach(), 0)
        expected += float(value)
    assert float(total.detach()) == pytest.approx(expected, rel=1e-4)


def test_colours_change_for_a_share_of_pieces():
    piece = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    assert all(torch.equal(augment_colors(piece, 0.0, k), piece) for k in range(5))
    varied = [augment_colors(piece, 1.0, k) for k in range(5)]
    assert all(torch.equal(one, augment_colors(piece, 1.0, k)) for k, one in enumerate(varied))
    for one in varied:
        assert 0 <= float(one.min()) < float(one.max()) <= 1
        roles = [
            max(
                range(3),
                key=lambda c: float(torch.corrcoef(torch.stack([one[0, j].flatten(), piece[0, c].flatten()]))[0, 1]),
            )
            for j in range(3)
        ]
        assert sorted(roles) == [0, 1, 2]
    assert len({tuple(one.flatten().tolist()) for one in varied}) == 5
