import json
import pickle
import struct
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.painters import SMALL

from impasto.errors import ImpastoError, UsageError
from impasto.networks import (
    AnyStyle,
    ManyStyles,
    TextureNet,
    TextureSettings,
    Transformer,
    TransformerSettings,
    TransportNet,
    describe,
    load,
    save,
    shipped,
)

SETTINGS = TransformerSettings(width=8, blocks=1, detail=6)
BATCH = TransformerSettings(width=8, blocks=1, norm="batch", ends="convolution")
MAKERS = {
    "style": lambda: ManyStyles(Transformer(SETTINGS), ["wave", "ink"]),
    "batch": lambda: ManyStyles(Transformer(BATCH), ["wave"]),
    "any": lambda: AnyStyle(TransportNet(SMALL)),
    "texture": lambda: TextureNet(TextureSettings(scales=3, channels=4, norm="batch")),
}


def new_network(name: str):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MAKERS[name]()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / (50 if name == "any" else 8))  # it multiplies what it sees
            for key, buffer in network.named_buffers():  # so that what is forgotten would be missed
                if key in network.state_dict():
                    buffer.fill_(3 if "num" in key else 1.5)
    return network.eval()


def result_of(network) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    if network.kind == "texture":
        return network(network.noise(1, 16, generator))
    image = torch.rand(1, 3, 24, 28, generator=generator)
    code = network.code({"wave": 1}) if network.kind == "style" else network.code(image.flip(3) ** 2)
    return network(image, code)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_saved_is_loaded(name, path):
    network = new_network(name)
    save(network, path, {"by": "a test"})
    back = load(str(path))
    assert type(back) is type(network)
    assert not back.training
    assert back.description() == network.description()
    assert torch.equal(result_of(back), result_of(network))
    for (key, ours), (theirs, value) in zip(back.state_dict().items(), network.state_dict().items(), strict=True):
        assert key == theirs
        assert ours.dtype == value.dtype
        assert torch.equal(ours, value)


@pytest.mark.parametrize("name", MAKERS)
def test_half_precision_is_half_the_bytes_and_nearly_the_picture(name, path, tmp_path):
    network = new_network(name)
    save(network, path, half=True)
    save(network, tmp_path / "full.safetensors")
    assert all(t.dtype in (torch.float16, torch.int64) for t in load_file(str(path)).values())
    back = load(path)
    assert all(t.dtype in (torch.float32, torch.int64) for t in back.state_dict().values())
    assert 0 < (result_of(back) - result_of(network)).abs().max() < 0.02
    numbers = sum(t.numel() for t in network.state_dict().values() if t.is_floating_point())
    assert (tmp_path / "full.safetensors").stat().st_size - path.stat().st_size == pytest.approx(2 * numbers, rel=0.02)


def test_a_loaded_network_can_be_trained_further(path):
    save(new_network("style"), path)
    network = load(path).train()
    result_of(network).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_loading_leaves_the_callers_random_numbers_alone(path):
    save(new_network("any"), path)
    before = torch.random.get_rng_state()
    load(path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_file_tells_what_it_is(path):
    save(new_network("style"), path, {"photos": 3, "encoder": "lite"})
    about = describe(path)
    assert about.pop("bytes") == path.stat().st_size
    assert about == {
        "kind": "style",
        "version": "1",
        "settings": {
            "transformer": {"width": 8, "blocks": 1, "ends": "shuffle", "norm": "instance", "detail": 6, "deep": 3},
            "styles": ["wave", "ink"],
        },
        "provenance": {"photos": 3, "encoder": "lite"},
    }
    save(new_network("any"), path)
    about = describe(path)["settings"]
    assert about["transport"]["widths"] == [[4], [8], [8, 8], [12]]


def rewrite_metadata(path, **changes: str | None) -> None:
    """The file with other metadata; None takes an entry away."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = {k: v for k, v in {**header["__metadata__"], **changes}.items() if v is not None}
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data[8 + size :])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"impasto": "checkpoint"}, "no network of Impasto's"),
        ({"impasto": None}, "no network of Impasto's"),
        ({"version": "2"}, "of version 2, not 1"),
        ({"version": None}, "of version None"),
        (
            {"kind": "styles"},
            "unknown kind of the network .*'styles'.*allowed: style, any, texture",
        ),
        ({"kind": None}, "unknown kind"),
        ({"kind": "any"}, "settings that make no network"),
        ({"settings": "{"}, "metadata cannot be read"),
        ({"settings": None}, "metadata cannot be read"),
        ({"settings": "[1]"}, "metadata cannot be read"),
        ({"provenance": "7"}, "metadata cannot be read"),
        ({"settings": "{}"}, "settings that make no network"),
        ({"settings": '{"transformer": 1, "styles": ["a"]}'}, "settings that make no network"),
        ({"settings": '{"transformer": {"depth": 1}, "styles": ["a"]}'}, "settings that make no network.*depth"),
        ({"settings": '{"transformer": {"width": 1}, "styles": ["a"]}'}, "width is 1"),
        ({"settings": '{"transformer": {"width": 8000000}, "styles": ["a"]}'}, "width is 8000000"),
        ({"settings": '{"transformer": {"width": 8, "blocks": 1, "detail": 6}, "styles": ["a"]}'}, "codes is"),
        ({"settings": '{"transformer": {"width": 8, "blocks": 2, "detail": 6}, "styles": ["a", "b"]}'}, "does not fit"),
        ({"settings": '{"transformer": {"width": 8, "blocks": 0, "detail": 6}, "styles": ["a", "b"]}'}, "does not fit"),
        ({"settings": '{"transformer": {"blocks": 1000000000}, "styles": ["a"]}'}, "blocks is 1000000000"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_a_line(path, changes, message):
    save(new_network("style"), path)
    rewrite_metadata(path, **changes)
    with pytest.raises(UsageError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_tensors_that_do_not_fit_are_refused(path):
    network = new_network("style")
    save(network, path)
    tensors = load_file(str(path))
    about = {"impasto": "network", "version": "1", "kind": "style", "provenance": "{}"}
    about["settings"] = json.dumps(network.description())
    gone = {k: v for k, v in tensors.items() if k != "codes"}
    for changed, message in [
        (gone, "codes is none, not"),
        ({**tensors, "more": torch.zeros(2)}, r"more is \(2,\), not none"),
        ({**tensors, "codes": tensors["codes"][:, 1:].clone()}, "codes is "),
        ({**tensors, "codes": tensors["codes"] * float("nan")}, "codes holds values that are no numbers"),
    ]:
        save_file(changed, str(path), about)
        with pytest.raises(UsageError, match=message):
            load(path)


class Trap:
    """Unpickled, it would raise something else than is expected."""

    def __reduce__(self):
        return exec, ("raise RuntimeError('code from the file was run')",)


def test_nothing_in_a_file_is_run(path, tmp_path):
    path.write_bytes(pickle.dumps(Trap()))
    zipped = tmp_path / "zipped.pth"
    torch.save({"codes": Trap()}, zipped)
    for file in (path, zipped):
        for read in (load, describe):
            with pytest.raises(UsageError, match="is damaged or no safetensors file") as caught:
                read(file)
            assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_refused(path, tmp_path):
    save(new_network("style"), path)
    path.write_bytes(path.read_bytes()[:-10])
    for file, message in [
        (path, "damaged or no safetensors"),
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "cannot be read"),
    ]:
        with pytest.raises(UsageError, match=message):
            load(file)


def test_a_file_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(ImpastoError, match="was not written"):
        save(new_network("style"), tmp_path / "nowhere" / "network.safetensors")


def test_the_package_ships_what_it_can_load():
    assert all(load(file).kind == describe(file)["kind"] for file in shipped().values())


def test_a_network_inside_the_package_is_loaded_as_a_file_is(path, monkeypatch):
    save(new_network("style"), path)
    monkeypatch.setattr("impasto.networks.checkpoint.files", lambda package: path.parent)
    assert list(shipped()) == ["network"]
    assert torch.equal(result_of(load(shipped()["network"])), result_of(new_network("style")))


def test_loading_imports_neither_the_compiler_nor_its_algebra():
    """torch takes a second for both; a command that paints needs none of them."""
    code = """
import sys
from impasto import networks
networks.load(networks.shipped()["styles"]), networks.load(networks.shipped()["any"])
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
