"""Pictures from a generator: an ONNX model, run by onnxruntime, that maps a random vector to a picture.

An ONNX file is a graph of standard operators with weights. It contains no code, so it is as safe as a picture.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImpastoError, UsageError, choose, nearest
from impasto.image.formats import MAX_BYTES, open_file
from impasto.image.picture import Picture, from_array

if TYPE_CHECKING:
    from importlib.abc import Traversable  # it moves to importlib.resources.abc in Python 3.11

PREFIX = "generator:"
SUFFIX = ".onnx"
RANGES = {"[0, 1]": (0.0, 1.0), "[-1, 1]": (-1.0, 1.0)}
"""Ranges of the output of a model, by the values of "range" that its metadata may have."""

SLACK = 0.02
"""Tolerance of the range, in which values are clipped, because resampling in a model overshoots a little."""


def draw(file: str, seed: int = 0) -> Picture:
    """Return the picture of the generator in `file` for `seed`; equal seeds give equal pictures.

    file: the name of a bundled generator ("faces") or the path of an ONNX model. Its only input is a standard normal
        vector, float32 `(N, LATENT)` or `(N, LATENT, 1, 1)`. Its output is pictures `(N, 3, H, W)`, or `(N, 1, H, W)`
        for grey. The metadata of the model have the range of values under "range", "[0, 1]" or "[-1, 1]". Without
        metadata the range is [-1, 1] if a value is below 0.

    Raises UsageError for a negative seed, a missing file or another kind of model. Raises ImpastoError without
    onnxruntime.
    """
    if seed < 0:
        raise UsageError(f"the seed of '{file}' is {seed}; allowed: 0 and above")
    session = _session(file)
    latent = np.random.Generator(np.random.PCG64(seed)).standard_normal(_shape(session, file), np.float32)
    try:
        output = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: latent})[0]
    except Exception as error:  # incompatible shapes inside the graph fail only here
        raise UsageError(f"'{file}' cannot be run as a generator: {_line(error)}") from error
    unit = _unit(output, session.get_modelmeta().custom_metadata_map.get("range"), file)
    return from_array(unit, f"{PREFIX}{file}?seed={seed}")


def _session(file: str) -> Any:
    """Return a session of the model in `file`, with one thread, so that sums always have the same order."""
    try:
        import onnxruntime  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ImpastoError('a generator needs the extra "generator": pip install "impasto[generator]"') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised; nothing is printed
    model = _bytes(file)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many unrelated exceptions
        raise UsageError(f"'{file}' is not an ONNX model that can be run: {_line(error)}") from error


def _bytes(file: str) -> bytes:
    bundled = _bundled()
    if file in bundled:
        return bundled[file].read_bytes()
    path = Path(file)
    if not path.suffix and not path.exists():
        allowed = ", ".join([*bundled, f"a file {SUFFIX}"])
        raise UsageError(f"unknown generator '{file}'{nearest(file, bundled)}; allowed: {allowed}")
    with open_file(path, "an ONNX model") as stream:
        if (size := os.fstat(stream.fileno()).st_size) > MAX_BYTES:
            raise UsageError(f"'{path}' has {size} bytes; at most {MAX_BYTES} are read")
        return stream.read()


def _bundled() -> dict[str, Traversable]:
    folder = files("impasto.image") / "samples"
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(SUFFIX)}
    return {name.removesuffix(SUFFIX): found[name] for name in sorted(found)}


def _shape(session: Any, file: str) -> tuple[int, ...]:
    """Return the shape of one input of the model. Raises UsageError for another kind of model."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 and inputs[0].type == "tensor(float)" else ()
    match shape:
        case [1 | str() | None, int(latent)] if latent > 0:
            return (1, latent)
        case [1 | str() | None, int(latent), 1, 1] if latent > 0:
            return (1, latent, 1, 1)
    actual = ", ".join(f"{i.name} {_text(i.shape)} {i.type}" for i in inputs) or "nothing"
    raise UsageError(f"'{file}' takes {actual}; expected one vector, (N, LATENT) or (N, LATENT, 1, 1), of float32")


def _unit(output: Any, span: str | None, file: str) -> NDArray[np.float32]:
    """Return the output of a model, `(1, C, H, W)`, as `(H, W, C)` in [0, 1]. Raises UsageError for other output."""
    shape = getattr(output, "shape", ())  # a model may also return lists and maps
    if len(shape) != 4 or shape[:2] not in ((1, 1), (1, 3)) or 0 in shape:
        raise UsageError(f"'{file}' gives {_text(shape)}; expected pictures, (N, 3, H, W) or (N, 1, H, W)")
    values: NDArray[np.float32] = np.asarray(output, np.float32)[0].transpose(1, 2, 0)
    low, high = float(values.min()), float(values.max())
    if span is not None:
        bottom, top = choose(RANGES, span, f"range in the metadata of '{file}':")
    else:
        bottom, top = RANGES["[0, 1]" if low >= -SLACK else "[-1, 1]"]
    if not (low >= bottom - SLACK and high <= top + SLACK):  # also true for NaN
        raise UsageError(f"'{file}' gives values from {low:.4g} to {high:.4g}; allowed: {' or '.join(RANGES)}")
    unit: NDArray[np.float32] = np.clip((values - np.float32(bottom)) / np.float32(top - bottom), 0, 1)
    return unit


def _text(shape: Sequence[object]) -> str:
    return f"({', '.join(map(str, shape))})"


def _line(error: Exception) -> str:
    """Return the message of onnxruntime in one line, without its error codes."""
    return str(error).partition("\n")[0].rpartition(" : ")[2] or type(error).__name__
