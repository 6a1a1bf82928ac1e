"""The built-in sweeps: every cell of every one could be made, though none is made here."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from impasto.encoders import Encoder, load
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG, VGG16, VGG19
from impasto.image import bundled, load_mask
from impasto.image import load as load_picture
from impasto.jobs.expansion import expand
from impasto.jobs.kinds import KINDS, as_run
from impasto.jobs.spec import Sweep, axes, built_in, read_sweep
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.reconstruct import parse_patch
from impasto.tasks.scene.regions import parse_region, style_shares
from impasto.tasks.training.photos import keyed_generator

EXPERIMENTS = """
best-loss content-layers content-seeds contrast histograms inversion-tv keep-color kernels made-contents mixing networks
noise-or-photo norms ratio-and-layers receptive-field resolution spatial-control starts texture-layers texture-seeds
total-variation two-by-two weights
"""
LAYERS = ("content_layers", "style_layers", "layers")


@cache
def sweep(name: str) -> Sweep:
    return read_sweep(name)


@cache
def network(name: str) -> Encoder:
    """The network, or its plan without weights."""
    plans = {"vgg16": lambda: VGG("vgg16", VGG16), "vgg19": lambda: VGG("vgg19", VGG19)}
    if name == "lite":
        return load("lite")
    with torch.device("meta"):
        return plans.get(name, lambda: ResNet("resnet50"))()


@cache
def size(source: str) -> tuple[int, int]:
    return load_picture(source).size


def test_every_experiment_has_its_spec() -> None:
    assert sorted(built_in()) == EXPERIMENTS.split()


@pytest.mark.parametrize("name", built_in())
def test_a_spec_says_what_it_is_and_what_to_look_at(name: str) -> None:
    given = sweep(name)
    assert given.title
    assert not given.title.endswith(".")
    assert "\n" not in given.title
    assert len(given.about) > 100
    assert given.source
    assert given.columns in axes(given)
    assert given.rows is None or given.rows in axes(given)
    assert {"original", *axes(given)} >= set(given.differences)


@pytest.mark.parametrize("name", built_in())
def test_every_cell_has_valid_settings_layers_losses_and_inputs(name: str) -> None:
    cells = expand(sweep(name))
    assert 4 <= len(cells) == len({cell.key for cell in cells}) == len({cell.work for cell in cells})
    for cell in cells:
        settings = as_run(KINDS[cell.task].settings.from_mapping(cell.settings))
        encoder = network(settings.network)
        for field in LAYERS:
            if text := cell.settings.get(field):
                assert parse_layers(encoder, text, encoder.default_style)
        if "style" in cell.inputs:
            assert style_losses(settings.style_loss)  # type: ignore[attr-defined]
            for source, _ in style_shares(cell.inputs["style"], settings.mix):  # type: ignore[attr-defined]
                assert min(size(str(source))) >= 64
        if "content" in cell.inputs:
            assert min(size(cell.inputs["content"])) >= 64
        parse_patch(cell.settings.get("patch"))
        for region in map(parse_region, cell.settings.get("region", ())):
            mask = load_mask(region.mask)
            assert mask.shape[-2:] == size(cell.inputs["content"])
            assert 0.1 < float(mask.mean()) < 0.9


def test_the_matrix_has_seventy_five_pictures() -> None:
    cells = expand(sweep("networks"))
    assert len(cells) == 75
    assert sum(cell.settings["size"] == 128 for cell in cells) == 15
    assert {cell.settings["network"] for cell in cells} == {"vgg16", "vgg19", "resnet50"}


def test_networks_do_not_learn_from_the_photo_that_they_are_shown() -> None:
    for name in ("norms", "contrast"):
        for cell in expand(sweep(name)):
            names = sorted(kind for kind, sample in bundled().items() if sample.kind == "photo")
            order = torch.randperm(len(names), generator=keyed_generator(cell.settings.get("seed", 0), "held", "photo"))
            assert cell.inputs["content"] == f"sample:{names[int(order[0])]}"


def test_weights_are_those_of_the_source() -> None:
    cells = expand(sweep("weights"))
    pairs = {(cell.settings["style_weight"], cell.settings["content_weight"]) for cell in cells}
    assert pairs >= {(1e4, 1.0), (1e5, 1.0), (1e6, 1.0), (1e6, 2.0)}
    assert {cell.settings["weighting"] for cell in cells} == {"tutorial-mean"}
