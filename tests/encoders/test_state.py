from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.encoders import read_state
from impasto.encoders.state import take
from impasto.errors import UsageError


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def some_state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"a.weight": torch.randn(3, 2, generator=generator), "a.bias": torch.randn(3, generator=generator)}


def save(path: Path, how: str, content: object) -> Path:
    if how == "safetensors":
        save_file(content, path)  # type: ignore[arg-type]
    elif how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "zip")
    return path


@pytest.mark.parametrize(
    ("how", "suffix"),
    [(how, suffix) for how in ("safetensors", "zip", "legacy") for suffix in (".pth", "")]
    + [("safetensors", ".safetensors")],
)
def test_reads_by_content_whatever_the_name(how: str, suffix: str, tmp_path: Path) -> None:
    path = save(tmp_path / f"net{suffix}", how, some_state())
    state = read_state(str(path))
    assert set(state) == set(some_state())
    for name, tensor in some_state().items():
        assert torch.equal(state[name], tensor)


def test_a_name_that_says_safetensors_is_never_unpickled(tmp_path: Path) -> None:
    path = save(tmp_path / "net.safetensors", "zip", some_state())
    with pytest.raises(UsageError, match="is damaged or not safetensors"):
        read_state(path)


@pytest.mark.parametrize("how", ["zip", "legacy", "pickle"])
def test_code_is_refused_and_not_run(how: str, tmp_path: Path) -> None:
    path = save(tmp_path / "net.pth", how, {"a": Trap(tmp_path / "sprung")})
    with pytest.raises(UsageError, match="contains code; refused"):
        read_state(path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists(), "the trap works"


@pytest.mark.parametrize("how", ["safetensors", "zip", "legacy"])
def test_truncated(how: str, tmp_path: Path) -> None:
    path = save(tmp_path / "net.bin", how, {"a": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UsageError, match="is damaged or not") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n<html>Please log in</html>", "is a web page"),
    ],
)
def test_no_weights_at_all(suffix: str, content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        read_state(path)


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_text("hello\n" * 100)
    with pytest.raises(UsageError, match="is not a weight file"):
        read_state(path)
    with pytest.raises(UsageError, match="is damaged or not safetensors"):
        read_state(path.rename(path.with_suffix(".safetensors")))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the weights .*nowhere\.pth: No such file"):
        read_state(tmp_path / "nowhere.pth")
    with pytest.raises(UsageError, match="cannot read the weights"):
        read_state(tmp_path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3, "a": torch.zeros(1)}])
def test_not_a_state_dict(content: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a state dict"):
        read_state(save(tmp_path / "net.pth", "zip", content))


SHAPES = {"a.weight": (3, 2), "a.bias": (3,)}


def test_take_copies_what_is_needed() -> None:
    state = some_state() | {"head.weight": torch.zeros(9)}
    taken = take(state, SHAPES, ignore=r"head\.", network="net", source="file")
    assert list(taken) == list(SHAPES)
    assert torch.equal(taken["a.bias"], state["a.bias"])
    assert taken["a.bias"].data_ptr() != state["a.bias"].data_ptr()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"a.weight": None}, r"file does not fit net: it has no 'a.weight', which should have shape \(3, 2\)"),
        ({"a.bias": torch.zeros(4)}, r"'a.bias' has shape \(4,\), it should have \(3,\)"),
        ({"b.bias": torch.zeros(4)}, r"no place for its 'b.bias' of shape \(4,\)"),
        ({"ahead.bias": torch.zeros(4)}, "no place for its 'ahead.bias'"),
    ],
)
def test_take_refuses(change: dict[str, Tensor | None], says: str) -> None:
    state = {key: value for key, value in (some_state() | change).items() if value is not None}
    with pytest.raises(UsageError, match=says):
        take(state, SHAPES, ignore=r"head\.", network="net", source="file")
