"""Pictures of ONNX generators: the bundled one, and small ones with known weights."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from impasto.errors import ImpastoError, UsageError
from impasto.image import load_sample, sample_names
from impasto.image.generator import draw

RNG = np.random.default_rng(8)
WEIGHT = RNG.standard_normal((3 * 5 * 4, 6)).astype(np.float32)


def generator(
    path: Path,
    squash: str = "Sigmoid",
    latent: tuple[Any, ...] = ("N", 6),
    picture: tuple[int, ...] = (-1, 3, 5, 4),
    kind: int = TensorProto.FLOAT,
    **metadata: str,
) -> str:
    """A linear map of the latent, squashed, reshaped and written to `path`."""
    rows = helper.make_node("Reshape", ["z", "flat"], ["rows"])
    nodes = [rows] if kind == TensorProto.FLOAT else [rows, helper.make_node("Cast", ["rows"], ["float"], to=1)]
    nodes += [
        helper.make_node("Gemm", [nodes[-1].output[0], "weight"], ["linear"], transB=1),
        helper.make_node(squash, ["linear"], ["squashed"]),
        helper.make_node("Reshape", ["squashed", "shape"], ["image"]),
    ]
    weights = [
        numpy_helper.from_array(WEIGHT, "weight"),
        numpy_helper.from_array(np.array([-1, 6]), "flat"),
        numpy_helper.from_array(np.array(picture), "shape"),
    ]
    z = helper.make_tensor_value_info("z", kind, latent)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, None)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(helper.make_graph(nodes, "g", [z], [image], weights), opset_imports=opset, ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return str(path)


def linear(seed: int) -> np.ndarray:
    """What `generator` computes before it squashes."""
    z = np.random.Generator(np.random.PCG64(seed)).standard_normal(6, np.float32)
    return (WEIGHT @ z).reshape(3, 5, 4)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("latent", [("N", 6), (1, 6), ("N", 6, 1, 1), (None, 6, 1, 1)])
def test_the_picture_is_the_model_of_a_normal_vector(tmp_path: Path, latent: tuple[Any, ...]) -> None:
    file = generator(tmp_path / "g.onnx", latent=latent)
    picture = draw(file, 7)
    assert picture.pixels.dtype == torch.float32
    assert picture.size == (5, 4)
    assert picture.alpha is None
    assert picture.source == f"generator:{file}?seed=7"
    np.testing.assert_allclose(picture.pixels[0].numpy(), sigmoid(linear(7)), atol=1e-6)


def test_the_range_is_told_by_a_negative_value(tmp_path: Path) -> None:
    file = generator(tmp_path / "g.onnx", "Tanh")
    np.testing.assert_allclose(draw(file, 3).pixels[0].numpy(), (np.tanh(linear(3)) + 1) / 2, atol=1e-6)


def test_the_metadata_say_the_range_where_no_value_can(tmp_path: Path) -> None:
    file = generator(tmp_path / "g.onnx", range="[-1, 1]")
    np.testing.assert_allclose(draw(file, 3).pixels[0].numpy(), (sigmoid(linear(3)) + 1) / 2, atol=1e-6)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    pixels = draw(generator(tmp_path / "g.onnx", picture=(-1, 1, 15, 4))).pixels
    assert pixels.shape == (1, 3, 15, 4)
    assert torch.equal(pixels[:, 0], pixels[:, 2])


def test_a_seed_draws_one_picture_and_another_seed_another() -> None:
    first, again, other = draw("faces", 7), draw("faces", 7), draw("faces", 8)
    assert torch.equal(first.pixels, again.pixels)
    assert (first.pixels - other.pixels).abs().mean() > 0.02
    assert torch.equal(draw("faces").pixels, draw("faces", 0).pixels)


def test_the_bundled_generator_paints_faces_of_64_pixels() -> None:
    pixels = torch.cat([draw("faces", seed).pixels for seed in range(8)])
    assert pixels.shape == (8, 3, 64, 64)
    assert 0 <= float(pixels.min()) < 0.2
    assert 0.8 < float(pixels.max()) <= 1
    assert pixels.std(0).mean() > 0.1  # as various as the faces, not one face eight times


def test_the_bundled_generator_is_no_sample_picture() -> None:
    assert "faces" not in sample_names()
    with pytest.raises(UsageError):
        load_sample("faces")


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    draw("faces")
    (tmp_path / "g.onnx").write_bytes(b"no model")
    with pytest.raises(UsageError):
        draw(str(tmp_path / "g.onnx"))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_random_state_of_others_is_untouched() -> None:
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # type: ignore[index]
    draw("faces", 5)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # type: ignore[index]
    assert torch.equal(torch_state, torch.get_rng_state())


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    generator(tmp_path / "scrolls.onnx")
    with pytest.raises(UsageError, match=r"no such file '.*scroll\.onnx' \(did you mean 'scrolls\.onnx'\?\)"):
        draw(str(tmp_path / "scroll.onnx"))
    with pytest.raises(
        UsageError, match=r"unknown generator 'face' \(did you mean 'faces'\?\); allowed: faces, a file"
    ):
        draw("face")


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.onnx").write_bytes(content)
    with pytest.raises(UsageError, match=r"g\.onnx' is (not an ONNX model that can be run: .|empty)") as caught:
        draw(str(tmp_path / "g.onnx"))
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; expected an ONNX model"):
        draw(str(tmp_path))


def test_a_file_too_long_for_a_model_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "g.onnx").open("wb") as file:
        file.truncate((2 << 30) + 1)  # sparse: it takes no space
    with pytest.raises(UsageError, match="has 2147483649 bytes; at most 2147483648 are read"):
        draw(str(tmp_path / "g.onnx"))


@pytest.mark.parametrize(
    ("latent", "found"),
    [((6,), r"z \(6\)"), (("N", "M"), r"z \(N, M\)"), (("N", 3, 2, 1), r"z \(N, 3, 2, 1\)"), ((2, 6), "z")],
)
def test_other_inputs_are_refused(tmp_path: Path, latent: tuple[Any, ...], found: str) -> None:
    with pytest.raises(UsageError, match=rf"takes {found}.*; expected one vector, \(N, LATENT\)"):
        draw(generator(tmp_path / "g.onnx", latent=latent))


def test_whole_numbers_are_no_latent(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"takes z \(N, 6\) tensor\(int64\); expected one vector"):
        draw(generator(tmp_path / "g.onnx", kind=TensorProto.INT64))


@pytest.mark.parametrize("picture", [(-1, 60), (-1, 2, 6, 5), (3, 1, 5, 4)])
def test_other_outputs_are_refused(tmp_path: Path, picture: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"gives \([0-9, ]+\); expected pictures, \(N, 3, H, W\)"):
        draw(generator(tmp_path / "g.onnx", picture=picture))


def test_values_beyond_both_ranges_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gives values from .* to .*; allowed: \[0, 1\] or \[-1, 1\]"):
        draw(generator(tmp_path / "g.onnx", "Identity"))
    with pytest.raises(UsageError, match=r"gives values from nan to nan"):
        draw(generator(tmp_path / "g.onnx", "Log"))
    with pytest.raises(UsageError, match=r"unknown range in the metadata of .* '\[0, 255\]'"):
        draw(generator(tmp_path / "g.onnx", range="[0, 255]"))


def test_a_graph_that_fails_when_run_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be run as a generator: ") as caught:
        draw(generator(tmp_path / "g.onnx", picture=(-1, 3, 7, 7)))
    assert "\n" not in str(caught.value)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="the seed of 'faces' is -1; allowed: 0 and above"):
        draw("faces", -1)


def test_without_onnxruntime_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImpastoError, match=r'the extra "generator": pip install "impasto\[generator\]"'):
        draw("faces")
