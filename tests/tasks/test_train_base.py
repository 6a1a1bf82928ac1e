"""A training that starts from a trained network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests import painters
from training_process import SMALL, STYLES, losses

from impasto import networks
from impasto.errors import UsageError
from impasto.settings.train import ADDED, ANY_STEPS, RECOLOR, STEPS, STYLES_STEPS, TrainAnySettings, TrainStyleSettings
from impasto.tasks.training.any_style import AnyStyleTraining, train_any_steps
from impasto.tasks.training.network_training import load_base
from impasto.tasks.training.photos import Photos
from impasto.tasks.training.style import StyleTraining, train_style_steps

ANY = TrainAnySettings(size=64, style_size=96, batch=2, steps=4, warmup=0, schedule="constant")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """The file of a network of three styles."""
    path = tmp_path / "many.safetensors"
    networks.save(painters.many(), path, {"task": "train style", "steps": 7})
    return path


def training(photos: Path, settings: TrainAnySettings) -> AnyStyleTraining:
    return AnyStyleTraining(Photos(photos), Photos(photos, longest=96, what="painting"), settings)


@pytest.fixture
def anything(tmp_path: Path) -> Path:
    """The file of a network for any painting."""
    path = tmp_path / "any.safetensors"
    networks.save(painters.anything(), path, {"task": "train any", "steps": 5})
    return path


STYLE = TrainStyleSettings(size=64, style_size=64, batch=2, steps=2, warmup=0, rate=1e-3)


def test_a_network_for_any_painting_comes_to_know_some(photos, anything, tmp_path):
    """It begins with what it sees of them, and learns to paint them otherwise; what it sees by stays."""
    settings = replace(STYLE, base=str(anything))
    out, base = tmp_path / "some.safetensors", networks.load(anything)
    training = StyleTraining(Photos(photos), STYLES, replace(settings, whole=True))
    for k, pixels in enumerate(training.paintings):
        assert torch.equal(training.network.whole_codes[k : k + 1].detach(), base.code(pixels))
    *_, last = train_style_steps(photos, STYLES, settings, out=out)
    found = networks.load(out)
    assert found.styles == tuple(STYLES)
    before, after = base.transformer.state_dict(), found.transformer.state_dict()
    changed = {name for name, theirs in before.items() if not torch.equal(theirs, after[name])}
    assert changed == {name for name in before if name.startswith("decoder.") and name != "decoder.noise"}
    said = training.network.said.shape[1]
    assert torch.equal(found.codes[:, :said], training.network.said)
    assert not torch.equal(found.codes[:, said:], training.network.codes)
    assert last.loss > 0


def test_paintings_are_added_to_one_that_knows_some(photos, anything, tmp_path):
    some, more = tmp_path / "some.safetensors", tmp_path / "more.safetensors"
    whole = replace(STYLE, base=str(anything), whole=True)
    list(train_style_steps(photos, {"flow": "sample:flow", "ink": "sample:ink"}, whole, out=some))
    list(train_style_steps(photos, {"glass": "sample:glass"}, replace(STYLE, base=str(some)), out=more))
    before, after = networks.load(some), networks.load(more)
    assert after.styles == ("flow", "ink", "glass")
    assert torch.equal(after.codes[:2], before.codes)
    theirs = after.transformer.state_dict()
    assert all(torch.equal(theirs[name], each) for name, each in before.transformer.state_dict().items())


def test_a_network_for_any_painting_is_trained_on(photos, anything, tmp_path):
    out = tmp_path / "second.safetensors"
    settings = replace(ANY, base=str(anything), steps=1)
    begun, base = training(photos, settings).network, networks.load(anything)
    assert begun.description() == base.description()
    for name, theirs in base.state_dict().items():
        assert torch.equal(begun.state_dict()[name], theirs), name
    list(train_any_steps(photos, photos, settings, out=out))
    trained = networks.load(out).state_dict()
    changed = {name for name, theirs in base.state_dict().items() if not torch.equal(theirs, trained[name])}
    assert changed
    assert all(name.startswith("transformer.decoder.") for name in changed)


def test_it_goes_on_where_it_was_and_only_from_the_same_base(photos, anything, tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    settings = replace(ANY, base=str(anything))
    expected = [step.loss for step in train_any_steps(photos, photos, settings, out=whole)]
    found = [step.loss for step in train_any_steps(photos, photos, replace(settings, steps=2), out=parts)]
    to_device = replace(settings, base=str(anything.rename(tmp_path / "elsewhere.safetensors")))
    assert found + [step.loss for step in train_any_steps(photos, photos, to_device, out=parts)] == expected
    networks.save(painters.anything(seed=1), anything)
    with pytest.raises(UsageError, match="of a run with other pictures or settings"):
        next(train_any_steps(photos, photos, replace(settings, steps=5), out=parts))


def test_the_file_tells_what_it_started_from(photos, anything, tmp_path):
    out = tmp_path / "out.safetensors"
    *_, last = train_any_steps(photos, photos, replace(ANY, base=str(anything), steps=1), out=out)
    assert "style" in last.terms  # and not the colours alone
    origin = networks.describe(out)["provenance"]
    assert origin["base"] == {
        "source": "any.safetensors",
        "sha256": hashlib.sha256(anything.read_bytes()).hexdigest(),
        "provenance": {"task": "train any", "steps": 5},
    }
    assert "base" not in origin["settings"]
    assert str(tmp_path) not in json.dumps(origin)


def test_colours_come_first_where_there_is_no_base():
    settings = TrainStyleSettings(base="none")
    assert settings.recoloring == RECOLOR
    assert replace(settings, base="a").recoloring == ANY.recoloring == 0
    assert replace(settings, base="a", recolor=5).recoloring == 5
    assert replace(settings, recolor=0).recoloring == 0


def test_paintings_are_added_in_fewer_steps():
    assert TrainStyleSettings(base="none").total == STEPS
    assert TrainAnySettings().total == TrainAnySettings(base="a").total == ANY_STEPS
    assert TrainStyleSettings(base="a", whole=True).total == STYLES_STEPS
    assert TrainStyleSettings(base="a").total == ADDED < STYLES_STEPS < ANY_STEPS < STEPS
    assert TrainStyleSettings(base="a", steps=7).total == 7


def test_what_cannot_be_started_from_is_refused(photos, many, tmp_path):
    texture = tmp_path / "texture.safetensors"
    networks.save(networks.TextureNet(networks.TextureSettings(scales=1)), texture)
    with pytest.raises(UsageError, match="is a texture network"):
        load_base(replace(ANY, base=str(texture)))
    settings = replace(STYLE, base=str(many))
    with pytest.raises(UsageError, match=r"width is 9, but .* is a network of width 8 already; give --base none"):
        load_base(replace(settings, width=9))
    assert load_base(replace(settings, width=8)).transformer.settings.width == 8
    with pytest.raises(UsageError, match="is no network for any painting"):
        training(photos, replace(ANY, base=str(many)))
    with pytest.raises(UsageError, match="unknown network"):
        load_base(replace(ANY, base=str(tmp_path / "gone")))


def test_a_state_of_before_there_were_bases_is_taken_up(photos, tmp_path):
    """What tells one run from another, as it was told when the network in the package was begun."""
    begun = StyleTraining(Photos(photos), STYLES, SMALL)
    about = {
        "impasto": "",
        "task": "train style",
        "settings": {
            **{"size": 64, "warmup": 2, "ema": 0.9, "style_size": 64},
            **{"recolor": 0, "width": 8, "blocks": 1},
        },
        "photos": begun.provenance["photos"],
        "paintings": begun.provenance["paintings"],
        "base": "",
        "network": {
            "transformer": {
                **{"width": 8, "blocks": 1, "ends": "shuffle", "norm": "instance", "detail": 16, "deep": 3},
            },
            "styles": [*STYLES],
        },
    }
    assert begun.fingerprint == hashlib.sha256(json.dumps(about).encode()).hexdigest()
    assert losses(photos, tmp_path / "net.safetensors", replace(SMALL, steps=1))
