"""Styles as people write them, and the network that knows them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.painters import anything, many, picture

from impasto.errors import UsageError
from impasto.image import load, resize
from impasto.networks import save, style_request
from impasto.networks.style_request import Coder, find, shares_of


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (None, []),
        ("sea", [("sea", 1.0)]),
        ("sea=0.7,sand=0.3", [("sea", 0.7), ("sand", 0.3)]),
        ("sea=3, sand=1", [("sea", 0.75), ("sand", 0.25)]),
        ("sea,sand", [("sea", 0.5), ("sand", 0.5)]),
        ("sea=0.4,sand,snow", [("sea", 0.4), ("sand", 0.3), ("snow", 0.3)]),
        ("sea=0,sand=1", [("sand", 1.0)]),
        ("generator:faces.onnx?seed=7", [("generator:faces.onnx?seed=7", 1.0)]),
        ("generator:faces.onnx?seed=7=3,sea=1", [("generator:faces.onnx?seed=7", 0.75), ("sea", 0.25)]),
        ("blend:a.png,b.png?mask=m.png", [("blend:a.png,b.png?mask=m.png", 1.0)]),
        ({"sea": 1, "sand": 1}, [("sea", 0.5), ("sand", 0.5)]),
        ([("sea", 3.0), ("sand", 1.0)], [("sea", 0.75), ("sand", 0.25)]),
        (Path("a.png"), [(Path("a.png"), 1.0)]),
    ],
)
def test_shares(style, expected):
    found = shares_of(style)
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert [share for _, share in found] == pytest.approx([share for _, share in expected])


def test_a_file_with_commas_and_signs_in_its_name_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a=1,b=2.png").touch()
    assert shares_of("a=1,b=2.png") == [("a=1,b=2.png", 1.0)]


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("sea=x", "'sea=x' does not end in a share; write for example sea=0.5"),
        ("sea=-1,sand=2", "expected numbers from 0, not all 0"),
        ("sea=0", "not all 0"),
        ("sea=nan", "expected numbers"),
        ("=1", "'=1' is no style"),
        ("sea,", "'' is no style"),
        ("sea=1,sand", "leave nothing for sand"),
        ({}, "the shares of the styles are none"),
    ],
)
def test_bad_shares(style, message):
    with pytest.raises(UsageError, match=message):
        shares_of(style)


def test_codes_of_a_many_style_network_mix():
    network = many()
    sea, sand = network.codes.detach()[:2]
    assert torch.allclose(Coder(network)("sea=0.7,sand=0.3"), (0.7 * sea + 0.3 * sand)[None])
    assert torch.equal(Coder(many("only"))(None), many("only").codes.detach())


@pytest.mark.parametrize(
    ("style", "message"),
    [
        (None, "no style is named; the network has sea, sand, snow"),
        ("snwo", "unknown style 'snwo' .did you mean 'snow'"),
        (torch.zeros(3, 40, 40), "takes no painting"),
    ],
)
def test_what_a_many_style_network_does_not_have(style, message):
    with pytest.raises(UsageError, match=message):
        Coder(many())(style)


def test_the_code_of_a_painting_is_that_of_its_pixels_at_the_size_asked_for():
    network, painting = anything(), picture(90, 120)
    expected = network.code(resize(painting, (48, 64)).clamp(0, 1))
    assert torch.allclose(Coder(network, 64)(painting), expected, atol=1e-6)
    other = Coder(network, 64)(picture(90, 120, seed=4))
    assert not torch.allclose(other, expected, atol=1e-3)
    mixed = Coder(network, 64)([(painting, 3.0), (picture(90, 120, seed=4), 1.0)])
    assert torch.allclose(mixed, 0.75 * expected + 0.25 * other, atol=1e-6)


def test_an_any_style_network_needs_a_painting():
    with pytest.raises(UsageError, match="needs a painting"):
        Coder(anything())(None)
    with pytest.raises(UsageError, match="no such file 'sea'"):
        Coder(anything())("sea")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a many-style and an any-style network."""
    save(many(), tmp_path / "many.safetensors")
    save(anything(), tmp_path / "any.safetensors")
    known = {name: tmp_path / f"{name}.safetensors" for name in ("any", "many")}
    monkeypatch.setattr(style_request, "shipped", lambda: known)
    return known


def test_the_network_that_knows_the_style_is_found(package):
    assert find(None, ["sea", "sand"]) == package["many"]
    assert find(None, [picture(40, 40)]) == package["any"]
    assert find(None, ["sample:flow"]) == package["any"]
    assert find("many", ["sample:flow"]) == package["many"]
    assert find("elsewhere/net.safetensors", []) == Path("elsewhere/net.safetensors")


@pytest.mark.parametrize(
    ("network", "styles", "message"),
    [
        (None, [], "no style is named; there are sea, sand, snow"),
        (None, ["snwo"], "'snwo' is no picture, and no style .did you mean 'snow'"),
        (None, ["sea", "snwo"], "'snwo' is no picture, and no style .did you mean 'snow'"),
        (
            None,
            ["sea", "sample:flow"],
            "no network has the style 'sea' beside 'sample:flow'; mix styles",
        ),
        ("mny", [], "unknown network 'mny' .did you mean 'many'"),
    ],
)
def test_what_no_network_knows(package, network, styles, message):
    with pytest.raises(UsageError, match=message):
        find(network, styles)


def test_a_package_without_networks(monkeypatch):
    monkeypatch.setattr(style_request, "shipped", dict)
    for styles in ([], ["sea"], [load("sample:flow")]):
        with pytest.raises(UsageError, match="no network in the package is fit for this"):
            find(None, styles)


def test_a_painting_that_comes_out_too_small_is_refused():
    with pytest.raises(UsageError, match="comes out at 24x12 px, but networks need at least 24 px a side"):
        Coder(anything(), 24)(picture(60, 120))
