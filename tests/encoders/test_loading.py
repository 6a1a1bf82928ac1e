from __future__ import annotations

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.encoders import NETWORKS, lite, load
from impasto.encoders.loading import BUILDERS, _torchvision
from impasto.encoders.vgg import VGG
from impasto.encoders.weights import PUBLISHED, Published, where
from impasto.errors import UsageError

pytestmark = pytest.mark.usefixtures("without_packages")


@pytest.fixture
def state(tiny: VGG, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The state dict that torchvision would publish for `tiny`, which stands in for vgg19."""
    monkeypatch.setitem(BUILDERS, "vgg19", _torchvision("vgg19", partial(VGG, "vgg19", tiny.widths)))
    return {
        f"features.{i}.{part}": tiny.convs[name].get_parameter(part).clone()
        for i, name in enumerate(tiny.layers)
        if name in tiny.convs
        for part in ("weight", "bias")
    }


def same_features(one: Any, other: Any) -> bool:
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(8))
    layers = ("conv1_1", "relu4_2")
    ours, theirs = one(image, layers), other(image, layers)
    return all(torch.allclose(ours[layer], theirs[layer], atol=1e-5) for layer in layers)


def test_names() -> None:
    assert NETWORKS == ("lite", "vgg16", "vgg19", "resnet50")
    assert set(NETWORKS) == {"lite", *PUBLISHED}
    with pytest.raises(UsageError, match=r"unknown network 'vgg' .*; allowed: lite, vgg16, vgg19, resnet50"):
        load("vgg")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_from_a_file(suffix: str, state: dict[str, Tensor], tiny: VGG, tmp_path: Path) -> None:
    path = tmp_path / f"mine{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    chance = torch.get_rng_state()
    encoder = load("vgg19", weights=str(path))
    assert torch.equal(torch.get_rng_state(), chance), "loading draws no random numbers"
    path.unlink()  # nothing of the file is needed any more
    assert same_features(encoder, tiny)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert encoder.convs["conv1_2"].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(tensor.device.type == "cpu" for tensor in [*encoder.parameters(), *encoder.buffers()])


def test_pooling_and_dtype(state: dict[str, Tensor], tiny: VGG, tmp_path: Path) -> None:
    save_file({name: tensor.half() for name, tensor in state.items()}, tmp_path / "half.safetensors")
    encoder = load("vgg19", weights=tmp_path / "half.safetensors", pooling="average", dtype=torch.float64)
    result = encoder(torch.rand(1, 3, 32, 32, dtype=torch.float64), ["relu1_2", "pool1"])
    assert result["pool1"].dtype == torch.float64
    torch.testing.assert_close(result["pool1"], torch.nn.functional.avg_pool2d(result["relu1_2"], 2))


def test_a_wrong_pooling_or_file_is_found_before_any_download(
    state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.encoders.loading.fetch", lambda *_, **__: pytest.fail("it downloads"))
    with pytest.raises(UsageError, match="unknown pooling 'mean'"):
        load("vgg19", pooling="mean")
    with pytest.raises(UsageError, match=r"cannot read the weights .*none\.pth"):
        load("vgg19", weights=tmp_path / "none.pth")
    state["features.2.bias"] = torch.zeros(5)
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(UsageError, match=r"wrong.pth does not fit vgg19: 'features.2.bias' has shape \(5,\)"):
        load("vgg19", weights=tmp_path / "wrong.pth")


def test_first_use_downloads(
    site: Any, state: dict[str, Tensor], tiny: VGG, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    torch.save(state | {"classifier.0.weight": torch.zeros(3, 3)}, buffer)
    site.body = buffer.getvalue()
    name = f"vgg19-{hashlib.sha256(site.body).hexdigest()[:8]}.pth"
    monkeypatch.setitem(PUBLISHED, "vgg19", Published(name, 1))
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    monkeypatch.setenv("IMPASTO_WEIGHTS_URL", site.url)
    seen: list[int] = []
    for _ in range(2):
        assert same_features(load("vgg19", on_progress=lambda done, _: seen.append(done)), tiny)
    assert seen[-1] == len(site.body)
    assert site.paths == [f"/{name}"]
    assert where("vgg19").read_bytes() == site.body


def test_lite_is_asked_for_by_name(tiny: VGG, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def load_lite(**options: object) -> VGG:
        asked.append(options)
        return tiny

    monkeypatch.setattr(lite, "load_lite", load_lite)
    assert load() is tiny
    assert load("lite", weights="own.safetensors", pooling="average") is tiny
    assert asked == [
        {"weights": None, "pooling": "max"},
        {"weights": Path("own.safetensors"), "pooling": "average"},
    ]
