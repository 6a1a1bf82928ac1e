"""Training of texture networks, of textures alone and of photos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto import networks
from impasto.errors import UsageError
from impasto.image import load
from impasto.losses.prior import alike
from impasto.networks import TextureNet
from impasto.settings.apply import ApplySettings
from impasto.settings.presets import preset
from impasto.settings.synthesis import StylizeSettings
from impasto.settings.train import PAINTED, TrainTextureSettings
from impasto.tasks.apply import apply
from impasto.tasks.stylize import stylize_job
from impasto.tasks.training.texture import TextureTraining, train_texture_steps

TEXTURE = TrainTextureSettings(size=64, style_size=64, batch=2, steps=4, rate=1e-2, warmup=0, scales=3, channels=4)


def test_a_texture_network_learns_and_goes_on_where_it_was(tmp_path):
    out, other = tmp_path / "net.safetensors", tmp_path / "other.safetensors"
    settings = replace(TEXTURE, schedule="constant", steps=24)
    losses = [step.loss for step in train_texture_steps("sample:flow", settings, out=out)]
    assert sum(losses[-4:]) < 0.6 * sum(losses[:4])
    half = [step.loss for step in train_texture_steps("sample:flow", replace(settings, steps=12), out=other)]
    assert half + [step.loss for step in train_texture_steps("sample:flow", settings, out=other)] == losses
    network = networks.load(out)
    assert isinstance(network, TextureNet)
    made = network(network.noise(1, 72, torch.Generator().manual_seed(1)))
    assert made.shape == (1, 3, 72, 72)
    assert networks.describe(out)["provenance"]["painting"]["source"] == "sample:flow"


def test_a_texture_is_judged_by_style_and_nothing_of_a_photo():
    training = TextureTraining("sample:ink", TEXTURE)
    _, parts = training.loss(1, range(2))
    assert {*parts} == {"style", "tv", "range"}
    assert training.sheet(training.network.eval()).shape[-2:] == (128, training.painting.shape[-1] + 4 * (128 + 8))


def with_photos(photos: Path, **settings: object) -> TrainTextureSettings:
    return replace(TEXTURE, photos=str(photos), **settings)  # type: ignore[arg-type]


def test_photos_are_painted_in_many_ways(photos, tmp_path):
    out, other = tmp_path / "net.safetensors", tmp_path / "other.safetensors"
    settings = with_photos(photos, schedule="constant", recolor=2)
    steps = list(train_texture_steps("sample:flow", settings, out=out))
    assert [{*step.terms} for step in steps] == 2 * [{"colours"}] + 2 * [{"style", "content", "tv", "range"}]
    parts = [step.loss for step in train_texture_steps("sample:flow", replace(settings, steps=3), out=other)]
    parts += [step.loss for step in train_texture_steps("sample:flow", settings, out=other)]
    assert parts == [step.loss for step in steps]
    one, same, another = (apply("sample:coffee", out, settings=ApplySettings(seed=k, size=72)) for k in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, another)
    assert not torch.equal(one, apply("sample:chelsea", out, settings=ApplySettings(seed=1, size=72)))
    assert steps[-1].sheet().shape[-1] == 3 * 96 + 2 * 8


def test_a_photo_is_asked_for_as_stylize_asks_for_it(photos):
    settings = with_photos(photos, recolor=0, strength=0.5, tv_weight=0.0, tv_chroma_weight=0.0)
    training = TextureTraining("sample:ink", settings)
    total, _ = training.loss(1, range(2))
    noise = [torch.cat(scale) for scale in zip(*(training._noise(k, 64) for k in range(2)), strict=True)]
    assert training.photos
    pieces = torch.cat([training.photos.random_crop(k, 64) for k in range(2)])
    made = training.network(noise, pieces).detach()
    losses = preset("classic", "stylize") | {"tv_weight": 0.0, "tv_chroma_weight": 0.0}
    run = StylizeSettings(**losses | {"size": 64, "scales": 1})
    expected = 0.0
    for k in range(2):
        job = stylize_job(pieces[k : k + 1], load("sample:ink"), run)
        expected += float(job.prepare((64, 64))(made[k : k + 1], 0)[0])
    assert float(total.detach()) == pytest.approx(expected, rel=1e-4)


def test_the_file_tells_which_photos_and_not_where_they_are(photos, tmp_path):
    out = tmp_path / "net.safetensors"
    list(train_texture_steps("sample:flow", with_photos(photos, steps=1), out=out))
    about = networks.describe(out)
    assert about["settings"]["texture"]["content"] is True
    assert about["provenance"]["photos"]["count"] == 4
    assert str(photos) not in json.dumps(about)


def test_a_strength_needs_photos():
    with pytest.raises(UsageError, match=r"strength is 0\.5, and there is no photo to be kept"):
        replace(TEXTURE, strength=0.5)
    assert replace(TEXTURE, photos="folder", strength=0.5).losses().strength == 0.5
    assert TEXTURE.losses().strength == 1
    assert replace(TEXTURE, photos="folder").losses().strength == PAINTED


def test_nearest_neighbours_by_the_formula():
    """Minus the logarithm of the distance to the nearest other one, of the same photo."""
    pictures = np.random.default_rng(0).random((5, 3, 4, 6)) * np.arange(1, 6)[:, None, None, None]
    for groups in ([0] * 5, [7, 7, 2, 2, 2], [0, 1, 0, 1, 2]):
        expected = 0.0
        for i in range(5):
            near = [
                np.sqrt(((pictures[i] - pictures[j]) ** 2).mean())
                for j in range(5)
                if j != i and groups[i] == groups[j]
            ]
            expected -= np.log(min(near)) if near else 0
        assert float(alike(torch.from_numpy(pictures), groups)) == pytest.approx(expected, rel=1e-4)


def test_pictures_that_are_the_same_have_a_finite_slope():
    pictures = torch.full((3, 3, 4, 4), 0.5, requires_grad=True)
    alike(pictures, [0, 0, 0]).backward()
    assert pictures.grad is not None
    assert pictures.grad.isfinite().all()


def test_diversity_counts_and_photos_come_twice(photos):
    plain, apart = (
        TextureTraining("sample:flow", with_photos(photos, recolor=0, batch=5, diversity=weight))
        for weight in (0.0, 0.3)
    )
    pieces = apart.batch(range(10, 15))
    assert apart._shown(range(10, 15)) == [10, 10, 12, 12, 14]
    assert plain._shown(range(10, 15)) == [10, 11, 12, 13, 14]
    assert pieces is not None
    assert torch.equal(pieces[0], pieces[1])
    total, parts = apart.loss(1, range(5))
    assert float(sum(parts.values())) == pytest.approx(float(total.detach()), rel=1e-5)
    noise = [torch.cat(scale) for scale in zip(*(apart._noise(k, 64) for k in range(5)), strict=True)]
    made = apart.network(noise, apart.batch(range(5))).detach()
    pairs = [float((made[k] - made[k + 1]).square().mean().sqrt()) for k in (0, 2)]
    assert float(parts["diversity"]) == pytest.approx(-0.3 * 2 * float(np.log(pairs).sum()), rel=1e-3)
    with pytest.raises(UsageError, match="a process has one; raise --batch"):
        apart.loss(1, range(1))


def test_diversity_keeps_pictures_of_a_photo_apart(photos, tmp_path):
    """Colours alone leave little to the noise; from there a network that is told so goes another way."""
    photo, found = load("sample:coffee").pixels[..., :64, :64], []
    for weight in (0.0, 10.0):
        out = tmp_path / f"{weight}.safetensors"
        settings = with_photos(photos, steps=36, recolor=20, diversity=weight, ema=0.0)
        list(train_texture_steps("sample:flow", settings, out=out))
        one, other = (apply(photo, out, settings=ApplySettings(seed=k)) for k in range(2))
        found.append(float((one - other).square().mean().sqrt()))
    assert found[1] > 1.25 * found[0]
