"""ICC profiles with a formula, a curve for each channel and a matrix (ICC.1:2022, sections 8.3 and 10)."""

from __future__ import annotations

import struct

import numpy as np

from impasto.image.encoding import Curve, Encoding, from_d50, power, sampled

TABLES = ("A2B0", "A2B1", "A2B2", "D2B0", "D2B1")
"""Tags of lookup tables, which take precedence over curves and a matrix."""


def parse(profile: bytes, channels: int) -> Encoding | None:
    """Return the formula of a profile for pictures with 1 or 3 `channels`; None for a profile with tables.

    Raises ValueError for bytes that are no profile.
    """
    try:
        tags = _tags(profile)
        space, connection = profile[16:20], profile[20:24]
        if connection != b"XYZ " or any(name in tags for name in TABLES):
            return None
        if channels == 1:
            return Encoding((_curve(tags["kTRC"]),)) if space == b"GRAY" else None
        if space != b"RGB ":
            return None
        curves = tuple(_curve(tags[f"{name}TRC"]) for name in "rgb")
        return Encoding(curves, from_d50(np.array([_xyz(tags[f"{name}XYZ"]) for name in "rgb"]).T))
    except (KeyError, IndexError, struct.error) as error:
        raise ValueError(f"the profile lacks {error}") from error


def _tags(profile: bytes) -> dict[str, bytes]:
    """Return the contents of all tags by name. Raises ValueError for bytes that are no profile."""
    if profile[36:40] != b"acsp":
        raise ValueError("these bytes are no ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4s2I", profile, 132 + 12 * index) for index in range(min(count, 200)))
    return {name.decode("latin-1"): profile[start : start + length] for name, start, length in entries}


def _xyz(tag: bytes) -> list[float]:
    return [number / 65536 for number in struct.unpack_from(">3i", tag, 8)]


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"para":
        return _parametric(tag)
    if tag[:4] != b"curv":
        raise ValueError(f"{tag[:4]!r} is no curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count <= 1:
        return power(struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0)
    return sampled(np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535)


def _parametric(tag: bytes) -> Curve:
    """Return the curve `(a v + b) ** g + e` for v from `d`, and `c v + f` below; simple kinds lack some numbers."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError(f"{kind} is no kind of parametric curve")
    numbers = [number / 65536 for number in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    g, a, b, c, d, e, f = numbers + [0.0] * (7 - len(numbers))
    if kind == 0:
        return power(g)
    if kind in (1, 2):  # constant below -b / a, and continuous there
        c, d, e, f = 0.0, (-b / a if a else 0.0), c, c
    steps = np.linspace(0, 1, 65536)
    with np.errstate(all="ignore"):
        high = np.nan_to_num(np.maximum(a * steps + b, 0) ** g + e)
    return sampled(np.where(steps >= d, high, c * steps + f).clip(0, 1))
