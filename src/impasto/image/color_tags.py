"""Colour spaces that files declare without an ICC profile: by cICP, sRGB, gAMA and cHRM of PNG, and by EXIF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from impasto.image.encoding import (
    D65,
    REC709,
    SRGB_CURVE,
    Curve,
    Encoding,
    Pixels,
    Point,
    adobe_rgb,
    by_chromaticities,
    power,
    toe,
)
from impasto.image.origin import COLOR_SPACE, EXIF_IFD, INTEROP_IFD, exif_of
from impasto.image.picture import unusable

Colors = bytes | Encoding | None
"""A colour space: an ICC profile, a formula, or None for sRGB."""

GAMMA, WHITE_POINT, PRIMARIES, INTEROP_INDEX = 0xA500, 0x013E, 0x013F, 1
ADOBE_SPACE, UNCALIBRATED = 2, 65535

FILE_GAMMA, NEAR = 1 / 2.2, 0.05
"""The gAMA value of sRGB, and its relative tolerance (libpng's threshold)."""

REC709_CURVE = toe(1 / 0.45, 0.099296826809442, 4.5, 4.5 * 0.018053968510807)
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), REC709_CURVE),
    4: power(2.2),
    5: power(2.8),
    8: power(1.0),
    13: SRGB_CURVE,
}
_HDR = {16: "PQ", 18: "HLG"}
_PRIMARIES: dict[int, tuple[tuple[Point, ...], Point]] = {
    1: (REC709, D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.310, 0.316)),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    **dict.fromkeys((6, 7), (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65)),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65),
    22: (((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), D65),
}
"""Primaries and white of the code points of ITU-T H.273, which cICP uses."""


def colors_of(image: Image.Image, source: str, cicp: bytes | None = None) -> tuple[Colors, tuple[str, ...]]:
    """Return the colour space of a Pillow image, and notices about declarations that are ignored.

    The order of precedence is that of the PNG specification (third edition, section 4.3): cICP, an ICC profile, sRGB,
    gAMA with cHRM; then EXIF. `cicp` is the content of the chunk cICP, which Pillow does not read.
    """
    notices: tuple[str, ...] = ()
    if cicp:
        space, reason = _by_cicp(cicp)
        if space:
            return space, ()
        notices = (f"{source} {reason}; the chunk cICP is ignored",)
    if "icc_profile" in image.info:
        profile = image.info["icc_profile"]
        return (profile, notices) if profile else (None, (*notices, unusable(source)))
    if "srgb" in image.info:
        return None, notices
    if "gamma" in image.info or "chromaticity" in image.info:
        space = _by_gamma(image.info)
        return space, notices if space else (*notices, f"{source} has damaged gAMA or cHRM chunks; they are ignored")
    colors, more = exif_colors(exif_of(image), source)
    return colors, (*notices, *more)


def exif_colors(exif: Mapping[int, Any], source: str) -> tuple[Colors, tuple[str, ...]]:
    """Return the colour space that EXIF declares, and notices. `exif` has IFDs under the numbers of their tags."""
    inner = exif.get(EXIF_IFD) or {}
    interop = inner.get(INTEROP_IFD) or {}
    space = inner.get(COLOR_SPACE)
    index = str(interop.get(INTEROP_INDEX, "")).rstrip("\0")
    if space == ADOBE_SPACE or (space != 1 and index == "R03"):
        return adobe_rgb(), (f"{source} has the colours of Adobe RGB by its EXIF data; they are converted to sRGB",)
    if space == 1:
        return None, ()
    white, primaries, gamma = (exif.get(WHITE_POINT), exif.get(PRIMARIES), inner.get(GAMMA))
    try:
        if white and primaries:
            return _by_points(power(float(gamma)) if gamma else SRGB_CURVE, [*white, *primaries]), ()
    except (TypeError, ValueError, ZeroDivisionError):
        return None, (f"{source} has damaged chromaticities in its EXIF data; they are ignored",)
    if space == UNCALIBRATED:
        return None, (f"{source} is not in sRGB by its EXIF data, which does not name another space; taken as sRGB",)
    return None, ()


def _by_cicp(chunk: bytes) -> tuple[Encoding | None, str]:
    """Return the colour space of a chunk cICP, or None and the reason."""
    if len(chunk) < 4:
        return None, "has a damaged chunk cICP"
    primaries, transfer, matrix, full = chunk
    if transfer in _HDR:
        return None, f"has HDR colours ({_HDR[transfer]}), which are not converted"
    if primaries not in _PRIMARIES or transfer not in _CURVES or matrix or full > 1:
        return None, f"has colours of an unknown kind ({primaries}, {transfer}, {matrix}, {full})"
    curve = _CURVES[transfer] if full else _narrow(_CURVES[transfer])
    return by_chromaticities(curve, *_PRIMARIES[primaries]), ""


def _narrow(curve: Curve) -> Curve:
    """Return `curve` for values with black at 16 and white at 235 of 255, as in video."""

    def full_range(values: Pixels) -> Pixels:
        return curve(((values * 255 - 16) / 219).clip(0, 1))

    return full_range


def _by_gamma(info: Mapping[Any, Any]) -> Encoding | None:
    """Return the colour space of gAMA and cHRM, or None if these are damaged."""
    gamma = info.get("gamma", FILE_GAMMA)
    try:
        curve = SRGB_CURVE if abs(gamma / FILE_GAMMA - 1) < NEAR else power(1 / gamma)
        return _by_points(curve, info.get("chromaticity") or [*D65, *(part for point in REC709 for part in point)])
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _by_points(curve: Curve, numbers: Any) -> Encoding:
    """Return the colour space with the chromaticities x, y of white, red, green and blue, in this order."""
    white, red, green, blue = ((float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
    return by_chromaticities(curve, (red, green, blue), white)
