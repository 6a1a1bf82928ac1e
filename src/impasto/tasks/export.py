"""Export of a trained network to ONNX, for other programs and for browsers, with its styles in a JSON file.

The graph maps `image` `(1, 3, H, W)` in [0, 1], of at least 24 pixels a side, and `code` `(1, D)` to `result`, of the
shape of `image`. Codes are in the JSON file, not in the graph, so that a program can mix styles. An any-style network
has a second graph, from `painting` to `code`.
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
"""Version of ONNX's operators."""

VERSION = 1
"""Version of the format of the JSON file."""

EXAMPLE = (45, 38)
"""Size of the image of the trace; no multiple of the sizes that networks pad to, so the graph contains the padding."""

METADATA = 14
"""The number of `metadata_props` in ONNX's ModelProto."""


def export(
    network: Network | str | Path,
    path: str | Path,
    styles: Mapping[str, StyleRequest] | None = None,
    *,
    style_image_size: int = 512,
) -> list[Path]:
    """Write a network as ONNX and JSON; return the files.

    network: a loaded network, the name of one in the package, or a file.
    path: an .onnx file or a folder.
    styles: further styles for the JSON, by name: mixtures, or style images for an any-style network.
    style_image_size: longer side of the style images, in pixels.

    Raises UsageError for a texture network, for an unknown network or style, and for a path that is neither a folder
    nor an .onnx file; ImpastoError for a file that cannot be written.

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
        raise UsageError("a texture network paints from noise; only networks with styles can be exported")
    graph = _target(Path(path), name)
    coder = Coder(network, style_image_size)
    own: list[StyleRequest] = list(network.styles) if isinstance(network, ManyStyles) else []
    requests = {str(style): style for style in own} | dict(styles or {})
    description: dict[str, Any] = {
        "impasto": VERSION,
        "kind": network.kind,
        "model": graph.name,
        "smallest": SMALLEST,
        "styles": [{"name": style, "code": _numbers(coder(request))} for style, request in requests.items()],
        "provenance": provenance,
    }
    painter = graph.with_name(f"{graph.stem}.painter.onnx")
    if isinstance(network, AnyStyle):
        description["painter"] = {"model": painter.name, "size": style_image_size}
    example = (torch.rand(1, 3, *EXAMPLE), network.transformer.plain_code())
    data = _graph(_Plain(network.transformer), example, ["image", "code"], "result")
    files = {graph: data + _property("impasto", json.dumps(description))}
    if isinstance(network, AnyStyle):
        files[painter] = _graph(_Painting(network), (torch.rand(1, 3, *EXAMPLE),), ["painting"], "code")
    files[graph.with_suffix(".json")] = json.dumps(description).encode()
    for file, content in files.items():
        replace_file(file, content)
    return list(files)


class _Plain(nn.Module):
    """A network of styles whose only inputs are an image and a code."""

    def __init__(self, network: Transformer | TransportNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, code: Tensor) -> Tensor:
        return self.network(image, code)  # type: ignore[no-any-return]


class _Painting(nn.Module):
    """The part of an any-style network from a style image to its code."""

    def __init__(self, network: AnyStyle) -> None:
        super().__init__()
        self.network = network

    def forward(self, painting: Tensor) -> Tensor:
        return self.network.code(painting)


def _graph(module: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], output: str) -> bytes:
    """Return the bytes of an ONNX model for images of any size.

    The exporter that traces needs no other package, unlike the newer one of `torch.export`. The warnings are about its
    age, and about sizes that a trace makes constant; the tests compare images of other sizes.
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
    """Return the bytes of a metadata entry, to append to a serialised ModelProto.

    Protobuf allows further entries of a repeated field anywhere in a message.
    """
    pair = b"".join(_field(number, text.encode()) for number, text in ((1, key), (2, value)))
    return _field(METADATA, pair)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return an integer in the variable-length encoding of protobuf."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def _numbers(code: Tensor) -> list[float]:
    """Return the numbers of a code with 9 digits, enough to distinguish float32; JSON would write 17 for a double."""
    return [float(f"{value:.9g}") for value in code[0].tolist()]


def _target(path: Path, name: str) -> Path:
    """Return the path of the graph. Raises UsageError for a path that is neither a folder nor an .onnx file."""
    if path.suffix.lower() == ".onnx":
        check_place(path)
        return path
    if path.suffix:
        raise UsageError(f"'{path}' is no place for a network; expected a folder, or a name that ends in .onnx")
    path.mkdir(parents=True, exist_ok=True)
    return path / f"{name}.onnx"
