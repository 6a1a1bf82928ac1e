"""A trained network as ONNX, for other programs and for browsers, and beside it what they have to know, as JSON.

The graph takes `image` `(1, 3, H, W)` in [0, 1] of any size from 24 pixels a side, and `code` `(1, D)`; it gives
`result`, like the image. Codes are numbers of the JSON, so that styles mix while it runs. An any-style network has a
second graph, from a `painting` to its `code`.
"""

from __future__ import annotations

import inspect
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import UsageError
from impasto.image.atomic import check_place, replace_file
from impasto.networks import AnyStyle, ManyStyles, Network, TextureNet, Transformer, TransportNet, describe
from impasto.networks import load as load_network
from impasto.networks.inputs import SMALLEST
from impasto.networks.style_request import Coder, StyleRequest, find

OPSET = 17
VERSION = 1
"""Of the JSON beside the graph."""

EXAMPLE = (45, 38)
"""No multiples of what networks pad to, so that the padding is in the graph."""

METADATA = 14
"""The number of `metadata_props` in ONNX's ModelProto."""


def export(
    network: Network | str | Path,
    path: str | Path,
    styles: Mapping[str, StyleRequest] | None = None,
    *,
    style_image_size: int = 512,
) -> list[Path]:
    """Write `network` (one that is loaded, a name or a file) to `path`, an .onnx file or a folder; return the files.

    `styles`: further styles for the JSON, each under a name: mixtures, or paintings for an any-style network.
    `style_image_size`: longer side of these paintings, in pixels. Raises UsageError for a texture network, and for a
    path that cannot be written.

    >>> import impasto
    >>> for file in impasto.export("any", "folder", {"dawn": "painting.jpg"}):  # doctest: +SKIP
    ...     print(file)
    """
    name, provenance = "network", dict[str, Any]()
    if isinstance(network, str | Path):
        name, file = Path(network).stem, find(network, ())
        provenance = describe(file).get("provenance", {})
        network = load_network(file)
    if isinstance(network, TextureNet):
        raise UsageError("a texture network paints from noise; only networks with styles are exported")
    graph = _target(Path(path), name)
    coder = Coder(network, style_image_size)
    known: list[StyleRequest] = list(network.styles) if isinstance(network, ManyStyles) else []
    every = {str(style): style for style in known} | dict(styles or {})
    about: dict[str, Any] = {
        "impasto": VERSION,
        "kind": network.kind,
        "model": graph.name,
        "smallest": SMALLEST,
        "styles": [{"name": style, "code": _numbers(coder(asked))} for style, asked in every.items()],
        "provenance": provenance,
    }
    painter = graph.with_name(f"{graph.stem}.painter.onnx")
    if isinstance(network, AnyStyle):
        about["painter"] = {"model": painter.name, "size": style_image_size}
    example = (torch.rand(1, 3, *EXAMPLE), network.transformer.plain_code())
    data = _graph(_Plain(network.transformer), example, ["image", "code"], "result")
    files = {graph: data + _property("impasto", json.dumps(about))}
    if isinstance(network, AnyStyle):
        files[painter] = _graph(_Painting(network), (torch.rand(1, 3, *EXAMPLE),), ["painting"], "code")
    files[graph.with_suffix(".json")] = json.dumps(about).encode()
    for file, content in files.items():
        replace_file(file, content)
    return list(files)


class _Plain(nn.Module):
    """What paints, with nothing but a picture and a code."""

    def __init__(self, network: Transformer | TransportNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        return self.network(image, code)  # type: ignore[no-any-return]


class _Painting(nn.Module):
    """From a painting to its code."""

    def __init__(self, network: AnyStyle) -> None:
        super().__init__()
        self.network = network

    def forward(self, painting: Tensor) -> Tensor:
        return self.network.code(painting)


def _graph(module: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], output: str) -> bytes:
    """Return the bytes of an ONNX model for images of any size.

    By torch's exporter from traces, which needs no other package; the newer one, from `torch.export`, does. It warns of
    its age, and that what a trace saw of sizes is fixed: the tests compare other sizes.
    """
    buffer, axes = io.BytesIO(), {2: "height", 3: "width"}
    training = [part for part in module.modules() if part.training]
    old = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            example,
            buffer,  # type: ignore[arg-type]
            input_names=list(inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamic_axes={inputs[0]: axes} | ({output: axes} if output == "result" else {}),
            **old,  # type: ignore[arg-type]
        )
    for part in training:
        part.training = True
    return buffer.getvalue()


def _property(key: str, value: str) -> bytes:
    """A pair for the end of a serialised ModelProto: of a repeated field of protobuf, more may follow at any time."""
    pair = b"".join(_field(number, text.encode()) for number, text in ((1, key), (2, value)))
    return _field(METADATA, pair)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _numbers(code: Tensor) -> list[float]:
    """As few digits as tell float32 apart: 9 of them; JSON would write 17 of a double."""
    return [float(f"{value:.9g}") for value in code[0].tolist()]


def _target(path: Path, name: str) -> Path:
    if path.suffix.lower() == ".onnx":
        check_place(path)
        return path
    if path.suffix:
        raise UsageError(f"'{path}' is no place for a network; expected a folder, or a name that ends in .onnx")
    path.mkdir(parents=True, exist_ok=True)
    return path / f"{name}.onnx"
