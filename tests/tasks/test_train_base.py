"""A training that starts from a trained network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pupil import SMALL, STYLES, losses
from tests import painters

from impasto import networks
from impasto.errors import UsageError
from impasto.networks import AnyStyle
from impasto.tasks.base import base_of
from impasto.tasks.photos import Photos
from impasto.tasks.train_any import AnyLesson, train_any_steps
from impasto.tasks.train_options import ADDED, RECOLOR, STEPS, TrainAnySettings, TrainStyleSettings
from impasto.tasks.train_style import StyleLesson

ANY = TrainAnySettings(size=64, style_size=96, batch=2, steps=4, warmup=0, hidden=8, schedule="constant")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """The file of a network of three styles."""
    path = tmp_path / "many.safetensors"
    networks.save(painters.many(), path, {"task": "train style", "steps": 7})
    return path


def lesson(photos: Path, settings: TrainAnySettings) -> AnyLesson:
    return AnyLesson(Photos(photos), Photos(photos, longest=96, what="painting"), settings)


def test_any_style_starts_with_the_transformer_of_many(photos, many):
    begun, base = lesson(photos, replace(ANY, base=str(many))).network, networks.load(many)
    for name, theirs in base.transformer.state_dict().items():
        assert torch.equal(begun.transformer.state_dict()[name], theirs), name
    assert begun.transformer.settings == base.transformer.settings != networks.TransformerSettings()


def test_its_codes_start_among_those_of_the_base(photos, many):
    """Near their mean, and apart from it mostly in their own directions, of which there are two."""
    started = lesson(photos, replace(ANY, base=str(many), hidden=256))
    codes = networks.load(many).codes.detach()
    found = torch.cat([code for _, code in started.columns(started.network)]).detach()
    middle, spread = codes.mean(0), codes - codes.mean(0)
    away = found - middle
    assert 0 < float(away.norm(dim=1).max()) < 0.5 * float(spread.norm(dim=1).min())
    solved = torch.linalg.lstsq(spread.T, away.T).solution
    # Mostly: more than half of the square.
    assert float((away.T - spread.T @ solved).norm()) < 0.7 * float(away.norm())
    plain = networks.Transformer(base_of(replace(ANY, base=str(many))).transformer.settings).plain_code()
    assert float((found - plain).norm(dim=1).min()) > float(away.norm(dim=1).max())


def test_of_a_network_for_any_painting_everything_is_taken(photos, many, tmp_path):
    first, out = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    list(train_any_steps(photos, photos, replace(ANY, base=str(many), steps=1), out=first))
    settings = replace(ANY, base=str(first))
    begun, base = lesson(photos, settings).network, networks.load(first)
    assert begun.description() == base.description()
    for name, theirs in base.state_dict().items():
        assert torch.equal(begun.state_dict()[name], theirs), name
    list(train_any_steps(photos, photos, replace(settings, steps=1), out=out))
    trained = networks.load(out).state_dict()
    for part in ("transformer", "predictor"):
        assert any(not torch.equal(trained[n], w) for n, w in base.state_dict().items() if n.startswith(part))


def test_it_goes_on_where_it_was_and_only_from_the_same_base(photos, many, tmp_path):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    settings = replace(ANY, base=str(many))
    expected = [step.loss for step in train_any_steps(photos, photos, settings, out=whole)]
    found = [step.loss for step in train_any_steps(photos, photos, replace(settings, steps=2), out=parts)]
    moved = replace(settings, base=str(many.rename(tmp_path / "elsewhere.safetensors")))
    assert found + [step.loss for step in train_any_steps(photos, photos, moved, out=parts)] == expected
    networks.save(painters.many(seed=1), many)
    with pytest.raises(UsageError, match="of a run with other pictures or settings"):
        next(train_any_steps(photos, photos, replace(settings, steps=5), out=parts))


def test_the_file_tells_what_it_started_from(photos, many, tmp_path):
    out = tmp_path / "any.safetensors"
    *_, last = train_any_steps(photos, photos, replace(ANY, base=str(many), steps=1), out=out)
    assert "style" in last.terms  # and not the colours alone
    origin = networks.describe(out)["provenance"]
    assert origin["base"] == {
        "source": "many.safetensors",
        "sha256": hashlib.sha256(many.read_bytes()).hexdigest(),
        "provenance": {"task": "train style", "steps": 7},
    }
    assert "base" not in origin["settings"]
    assert str(tmp_path) not in json.dumps(origin)


def test_colours_come_first_where_there_is_no_base():
    assert ANY.recoloring == TrainStyleSettings().recoloring == RECOLOR
    assert replace(ANY, base="a").recoloring == 0
    assert replace(ANY, base="a", recolor=5).recoloring == 5
    assert replace(ANY, recolor=0).recoloring == 0


def test_paintings_are_added_in_fewer_steps():
    assert TrainStyleSettings().total == TrainAnySettings(base="a").total == STEPS
    assert TrainStyleSettings(base="a").total == ADDED < STEPS == TrainStyleSettings(base="a", whole=True).total
    assert TrainStyleSettings(base="a", steps=7).total == 7


def test_what_cannot_be_started_from_is_refused(photos, many, tmp_path):
    texture, encoder = tmp_path / "texture.safetensors", tmp_path / "any.safetensors"
    networks.save(networks.TextureNet(networks.TextureSettings(scales=1)), texture)
    with pytest.raises(UsageError, match="is a texture network"):
        base_of(replace(ANY, base=str(texture)))
    with pytest.raises(UsageError, match=r"width is 9, but .* has 8; a network to start from brings its own"):
        base_of(replace(ANY, base=str(many), width=9))
    assert base_of(replace(ANY, base=str(many), width=8)).transformer.settings.width == 8
    networks.save(AnyStyle(painters.body(), 8, "vgg19", ("relu1_1",), hidden=8), encoder)
    with pytest.raises(UsageError, match="sees paintings in another way; take --network vgg19 --pooling max"):
        lesson(photos, replace(ANY, base=str(encoder)))
    with pytest.raises(UsageError, match="cannot be read"):
        base_of(replace(ANY, base=str(tmp_path / "gone")))


def test_a_state_of_before_there_were_bases_is_taken_up(photos, tmp_path):
    """What tells one run from another, as it was told when the network in the package was begun."""
    begun = StyleLesson(Photos(photos), STYLES, SMALL)
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
