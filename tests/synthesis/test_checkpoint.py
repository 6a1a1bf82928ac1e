import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from impasto.errors import ImpastoError, UsageError
from impasto.synthesis import State
from impasto.synthesis.checkpoint import VERSION, discard_state, load_state, save_state


def a_state():
    tensor = torch.rand(1, 3, 4, 4)
    point = {"parameters": tensor, "loss": 0.1 + 0.2, "terms": {"a.b": 1 / 3, "tensor": 1e-320}, "gradient": tensor}
    return State(2, 3, 7, 12.25, {"point": point, "method": "Adam", "order": [3, 1, 2], "first": math.inf, "on": True})


def test_a_state_comes_back_to_the_bit(tmp_path):
    state = a_state()
    save_state(tmp_path / "run", state, "of this run")
    result = load_state(tmp_path / "run", "of this run")
    assert (result.scale, result.taken, result.done, result.seconds) == (2, 3, 7, 12.25)
    assert torch.equal(result.descent["point"].pop("parameters"), state.descent["point"].pop("parameters"))
    assert torch.equal(result.descent["point"].pop("gradient"), state.descent["point"].pop("gradient"))
    assert result.descent == state.descent


def test_tensors_come_back_in_their_type_and_shape(tmp_path):
    tensors = {"a": torch.zeros(()), "b": torch.empty(0), "c": torch.rand(3, 2, dtype=torch.float64).T}
    save_state(tmp_path / "run", State(1, 1, 1, 0.0, tensors), "")
    result = load_state(tmp_path / "run", "").descent
    assert all(torch.equal(result[name], tensors[name]) for name in tensors)
    assert all(result[name].dtype == tensors[name].dtype for name in tensors)


def test_a_new_state_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    for done in (1, 2):
        save_state(tmp_path / "run", State(1, done, done, 0.0, {}), "")
    assert load_state(tmp_path / "run", "").done == 2
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_the_file_is_safetensors_with_json_beside_it(tmp_path):
    save_state(tmp_path / "run", a_state(), "of this run")
    with safe_open(tmp_path / "run", "pt") as file:
        assert set(file.keys()) == {"descent.point.parameters", "descent.point.gradient"}
        assert json.loads(file.metadata()["state"])["descent"]["order"] == [3, 1, 2]


def test_the_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    save_state(tmp_path / "run", a_state(), "of this run")
    with pytest.raises(UsageError, match=r"other pictures or settings, .*; delete it, or give another --checkpoint"):
        load_state(tmp_path / "run", "of that run")
    assert load_state(tmp_path / "run", "of this run").done == 7


def test_a_file_cut_anywhere_is_refused(tmp_path):
    save_state(tmp_path / "run", a_state(), "")
    whole = (tmp_path / "run").read_bytes()
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "run").write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"damaged or no checkpoint \(.*\); give another --checkpoint"):
            load_state(tmp_path / "run", "")


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("a letter to a friend")
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights")
    save_file({"weight": torch.zeros(2)}, tmp_path / "named", {"impasto": "checkpoint", "version": VERSION})
    metadata = {"impasto": "checkpoint", "version": VERSION, "fingerprint": "", "state": '{"scale": 1}'}
    save_file({"weight": torch.zeros(2)}, tmp_path / "half", metadata)
    for name in ("text", "weights"):  # which are not ours to delete
        with pytest.raises(UsageError, match=rf"{name}' is [a-z ]*no checkpoint[^;]*; give another --checkpoint$"):
            load_state(tmp_path / name, "")
    for name in ("named", "half"):
        with pytest.raises(UsageError, match=f"{name}.*; delete it, or give another --checkpoint$"):
            load_state(tmp_path / name, "")
        with pytest.raises(UsageError, match=f"{name}.*; choose another --output$"):
            load_state(tmp_path / name, "", "choose another --output", disposable=False)


def test_another_version_is_refused(tmp_path):
    metadata = {"impasto": "checkpoint", "version": "0", "fingerprint": "", "state": "{}"}
    save_file({"a": torch.zeros(2)}, tmp_path / "old", metadata)
    with pytest.raises(UsageError, match=f"version 0, not {VERSION}; delete it"):
        load_state(tmp_path / "old", "")


def test_what_cannot_be_read_or_written_is_said_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_state(tmp_path / "none", "")
    with pytest.raises(UsageError, match="cannot be read: "):
        load_state(tmp_path, "")
    with pytest.raises(ImpastoError, match="was not written"):
        save_state(tmp_path / "none" / "run", a_state(), "")


def test_what_a_kill_left_half_written_is_overwritten_and_discarded(tmp_path):
    path, part = tmp_path / "a.checkpoint", tmp_path / "a.checkpoint.part"
    part.write_bytes(b"half")
    save_state(path, State(scale=1, taken=1, done=1, seconds=0.5, descent={}), "f")
    assert load_state(path, "f").done == 1
    assert not part.exists()
    part.write_bytes(b"half")
    discard_state(path)
    assert list(tmp_path.iterdir()) == []
