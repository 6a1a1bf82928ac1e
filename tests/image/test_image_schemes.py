"""Sources with a scheme: their pictures, their files, and their errors."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from impasto.errors import UsageError
from impasto.image import Picture, blend, files_in, load, load_mask, write
from impasto.image.schemes import corner, parse, stem


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """Half the size of `sample:chelsea`, or nearly: a disc."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 150), torch.linspace(-1, 1, 226), indexing="ij")
    write(tmp_path / "mask.png", (x**2 + y**2 < 0.2).float().expand(1, 3, 150, 226))
    return tmp_path / "mask.png"


def test_a_blend_of_two_samples(mask: Path) -> None:
    name = f"blend:sample:chelsea,sample:coffee?mask={mask}&at=-30,40&gradients=mixed"
    photo, under = load("sample:chelsea"), load("sample:coffee")
    expected = blend(photo.pixels, under.pixels, load_mask(mask, photo.size), (-30, 40), "mixed")
    picture = load(name)
    assert torch.equal(picture.pixels, expected)
    assert picture.source == "blend:sample:chelsea,sample:coffee"
    assert (expected - under.pixels).abs().max() > 0.1


def test_a_target_may_be_a_blend_again(mask: Path) -> None:
    inner = f"blend:sample:chelsea,sample:coffee?mask={mask}"
    assert load(f"blend:sample:chelsea,{inner}?mask=~{mask}").size == load("sample:coffee").size


def test_the_targets_alpha_and_the_finer_precision_stay(tmp_path: Path, mask: Path) -> None:
    alpha = torch.linspace(0, 1, 150 * 226).view(1, 1, 150, 226)
    write(tmp_path / "under.png", torch.full((1, 3, 150, 226), 0.5), alpha=alpha, bits=16)
    picture = load(f"blend:sample:chelsea,{tmp_path / 'under.png'}?mask={mask}")
    assert picture.bits == 16
    torch.testing.assert_close(picture.alpha, alpha, atol=1e-4, rtol=0)


def test_a_generator_gets_its_file_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Picture(torch.zeros(1, 3, 2, 2))
    asked = []
    stand_in = ModuleType("impasto.image.generator")
    stand_in.draw = lambda file, seed: asked.append((file, seed)) or drawn  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "impasto.image.generator", stand_in)
    assert load("generator:a/b.onnx?seed=7") is drawn
    load("generator:faces")
    assert asked == [("a/b.onnx", 7), ("faces", 0)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smple:chelsea", r"unknown kind of picture 'smple' \(did you mean 'sample'\?\); allowed: sample, blend, gen"),
        ("blend:a.png,b.png?mask=c&art=1,2", r"unknown option of blend: 'art' \(did you mean 'at'\?\)"),
        ("blend:a.png?mask=c", "is incomplete; expected blend:SOURCE,TARGET"),
        ("blend:a.png,", "is incomplete"),
        ("generator:", "is incomplete; expected generator:FILE.onnx"),
        ("generator:a.onnx?seed=x", "the seed of 'generator:a.onnx[?]seed=x' is 'x'; expected a whole number"),
        ("generator:a.onnx?sed=1", "did you mean 'seed'"),
        ("blend:sample:chelsea,sample:coffee", "nothing says what to take of 'sample:chelsea'"),
        ("blend:sample:chelsea,sample:coffee?mask=sample:brick&at=1", "a place is X,Y in whole pixels"),
        ("blend:sample:chelsae,sample:coffee?mask=m.png", "did you mean 'chelsea'"),
    ],
)
def test_what_cannot_be(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(name)


def test_files_with_odd_names_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("day:1.png", "blend:a.png", "what?.png"):
        write(name, torch.zeros(1, 3, 2, 3))
        assert load(name).size == (2, 3)
        assert files_in(name) == [name]
    with pytest.raises(UsageError, match="no such file"):
        load("C:/missing.png")
    with pytest.raises(UsageError):
        load("blend:" + "a" * 5000)


def test_the_files_that_a_source_is_made_from() -> None:
    assert files_in("photo.png") == ["photo.png"]
    assert files_in("sample:flow") == []
    assert files_in("generator:faces.onnx?seed=3") == ["faces.onnx"]
    text = "blend:a.png,blend:sample:flow,b.png?mask=c.png?mask=~d.png#ff0000"
    assert files_in(text) == ["a.png", "b.png", "c.png", "d.png"]


def test_stems_are_fit_for_files() -> None:
    assert stem("dir/photo.tar.png") == "photo.tar"
    assert stem("blend:a/wolf.jpg,blend:sample:flow,b.png?mask=c.png?mask=d/e.png") == "wolf-flow-b"
    assert stem("generator:x/faces.onnx?seed=7") == "faces-7"


def test_places() -> None:
    assert corner("-3,+14") == (-3, 14)
    for text in ("", "1", "1,2,3", "1.5,2", "a,b", "1, 2"):
        with pytest.raises(UsageError, match="a place is X,Y"):
            corner(text)


def test_a_composed_source_knows_its_parts() -> None:
    parsed = parse("blend:a,b?at=1,2&mask=c")
    assert parsed is not None
    assert (parsed.scheme, parsed.names, parsed.at) == ("blend", ("a", "b"), (1, 2))
    assert parsed.options == {"at": "1,2", "mask": "c"}
    assert parse("photo.png") is None
