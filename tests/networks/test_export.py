"""ONNX against PyTorch, at sizes and codes that the exporter did not see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.painters import anything, many, picture
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import resize
from impasto.networks import TextureNet, TransformerSettings, save
from impasto.networks.style_request import Coder
from impasto.tasks.export import OPSET, export

SIZES = ((24, 24), (45, 38), (64, 96), (101, 67))


def run(path: Path, **inputs: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {name: tensor.detach().numpy() for name, tensor in inputs.items()})
    return torch.from_numpy(np.asarray(output))


@pytest.mark.parametrize("shape", [{}, {"detail": 6}, {"deep": 1}, {"ends": "convolution"}, {"norm": "batch"}])
def test_the_graph_is_the_network_at_any_size_and_code(tmp_path, shape):
    network = many(**shape)
    graph, _ = export(network, tmp_path / "net.onnx")
    for height, width in SIZES:
        image, code = picture(height, width, seed=height), network.code({"sea": 0.6, "snow": 0.4}).detach()
        expected = network(image, code).detach()
        assert (run(graph, image=image, code=code) - expected).abs().max() < 1e-4
        assert expected.std() > 0.01


def test_a_network_as_large_as_those_in_the_package(tmp_path):
    network = many(**vars(TransformerSettings()))
    graph, _ = export(network, tmp_path / "net.onnx")
    image, code = picture(150, 203), network.code({"sand": 1.0}).detach()
    assert (run(graph, image=image, code=code) - network(image, code).detach()).abs().max() < 1 / 255


def test_what_it_says_about_itself(tmp_path):
    save(many(), tmp_path / "own.safetensors", {"trained": "never"})
    files = export(tmp_path / "own.safetensors", tmp_path / "export", {"dawn": "sea=0.5,sand=0.5"})
    assert [file.name for file in files] == ["own.onnx", "own.json"]
    about = json.loads(files[1].read_text())
    assert about["model"] == "own.onnx"
    assert about["provenance"] == {"trained": "never"}
    codes = {style["name"]: torch.tensor(style["code"]) for style in about["styles"]}
    assert list(codes) == ["sea", "sand", "snow", "dawn"]
    assert torch.equal(torch.stack([codes[name] for name in ("sea", "sand", "snow")]), many().codes.detach())
    assert torch.allclose(codes["dawn"], (codes["sea"] + codes["sand"]) / 2)
    model = onnx.load(files[0])
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import if opset.domain == ""] == [OPSET]
    (stored,) = (pair.value for pair in model.metadata_props if pair.key == "impasto")
    assert json.loads(stored) == about
    assert [value.name for value in model.graph.input] == ["image", "code"]
    assert [value.name for value in model.graph.output] == ["result"]


def test_the_painting_of_an_any_style_network_has_a_graph_of_its_own(tmp_path):
    network, painting = anything(), picture(100, 120, seed=3)
    files = export(network, tmp_path, {"third": painting}, style_image_size=64)
    assert [file.name for file in files] == ["network.onnx", "network.painter.onnx", "network.json"]
    about = json.loads(files[2].read_text())
    assert about["painter"] == {"model": "network.painter.onnx", "size": 64}
    expected = Coder(network, 64)(painting)
    assert torch.allclose(torch.tensor([about["styles"][0]["code"]]), expected)
    for size in ((54, 64), (64, 64), (37, 64)):
        small = resize(painting, size).clamp(0, 1)
        code = run(files[1], painting=small)
        assert torch.allclose(code, Coder(network, 64)(small), atol=1e-4)
    assert not torch.allclose(code, expected, atol=1e-3)


def test_the_files_are_whole_and_the_network_stays_as_it_was(tmp_path):
    network = many().train()
    before = network.codes.clone()
    export(network, tmp_path)
    assert network.training
    assert torch.equal(network.codes, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.json", "network.onnx"]


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(UsageError, match="paints from noise"):
        export(TextureNet(), tmp_path)
    with pytest.raises(UsageError, match=r"expected a folder, or a name that ends in \.onnx"):
        export(many(), tmp_path / "net.png")
    with pytest.raises(UsageError, match="there is no folder"):
        export(many(), tmp_path / "missing" / "net.onnx")
    with pytest.raises(UsageError, match="did you mean 'sand'"):
        export(many(), tmp_path, {"dawn": "snd"})
