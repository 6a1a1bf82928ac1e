"""Metadata of a photo's file (EXIF, XMP, resolution and texts), and the part that goes into a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.dom import Node, minidom
from xml.parsers.expat import ExpatError

import tifffile
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.IptcImagePlugin import getiptcinfo

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
DESCRIPTION, COLOR_SPACE, RESOLUTION, RESOLUTION_UNIT = 0x010E, 0xA001, (0x011A, 0x011B), 0x0128
ARTIST, COPYRIGHT = 0x013B, 0x8298

PHOTO_TAGS = (
    0x010D,
    DESCRIPTION,
    0x010F,
    0x0110,
    0x0132,
    ARTIST,
    0x4746,
    0x4749,
    COPYRIGHT,
    0x83BB,
    *range(0x9C9B, 0x9CA0),
)
"""Tags about the photo (names, camera, date, author, rights, rating, IPTC), not about its file."""

FILE_TAGS = (0x927C, COLOR_SPACE, 0xA002, 0xA003, INTEROP_IFD, 0xA500)
"""Tags of the EXIF IFD that a result must not have: size, colour space, and the maker's note with its file offsets."""

XMP_FILE = {
    "Orientation", "ImageWidth", "ImageLength", "PixelXDimension", "PixelYDimension", "ColorSpace", "ICCProfile",
    "Thumbnails", "HasExtendedXMP", "XResolution", "YResolution", "ResolutionUnit", "BitsPerSample",
}  # fmt: skip
"""XMP properties about the file."""

XMP_CAMERA = "http://ns.google.com/photos/"
"""Start of the namespaces of data in the file after the picture, such as films and depth maps."""

TEXTS = {"Author": ARTIST, "Copyright": COPYRIGHT, "Description": DESCRIPTION, "Title": 0x010D}
"""Keywords of PNG texts, with their tags in EXIF."""

OTHER_TEXTS = ("Creation Time", "Disclaimer", "Warning")
"""Keywords of PNG texts without a tag in EXIF."""

IPTC = {80: ARTIST, 116: COPYRIGHT, 120: DESCRIPTION}
"""Numbers of data sets in IPTC's application record, with their tags in EXIF."""

UNKNOWN_DPI = 72
"""The resolution that stands for an unknown one in EXIF and JFIF, in pixels per inch."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Metadata of a picture's file.

    exif: the tags of the first IFD. The EXIF and GPS IFDs are under 0x8769 and 0x8825.
    xmp: an XMP packet; empty if there is none.
    dpi: pixels per inch, across and down, or None.
    texts: the texts of a PNG by their keywords.

    >>> bool(Origin(dpi=(300, 300))), bool(Origin())
    (True, False)
    """

    exif: Mapping[int, Any] = field(default_factory=dict)
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(any(self.exif.values()) or self.xmp or self.dpi or self.texts)

    def for_result(self, *, location: bool = False) -> Origin:
        """Return the part for a result, without orientation, thumbnail and tags about the file.

        location: whether the result has the place where the photo was taken.
        """
        exif = {tag: self.exif[tag] for tag in PHOTO_TAGS if tag in self.exif}
        inner = {tag: value for tag, value in (self.exif.get(EXIF_IFD) or {}).items() if tag not in FILE_TAGS}
        if inner:
            exif[EXIF_IFD] = {**inner, COLOR_SPACE: 1}
        if location and self.exif.get(GPS_IFD):
            exif[GPS_IFD] = dict(self.exif[GPS_IFD])
        for keyword, tag in TEXTS.items():
            if keyword in self.texts and tag not in exif:
                exif[tag] = self.texts[keyword].encode().decode("latin-1")  # as EXIF in UTF-8 is read
        return Origin(exif, _photo_xmp(self.xmp, location), self.dpi, self.texts)


NOTHING = Origin()
"""The origin of a picture without a file, or without metadata."""


def origin_of(image: Image.Image) -> Origin:
    """Return the metadata of a decoded Pillow image."""
    texts = {name: str(image.info[name]) for name in (*TEXTS, *OTHER_TEXTS) if isinstance(image.info.get(name), str)}
    xmp, exif = image.info.get("xmp", b""), _iptc(image) | exif_of(image)
    dpi = image.info["dpi"] if "dpi" in image.info else _resolution(exif)
    return Origin(exif, xmp if isinstance(xmp, bytes) else str(xmp).encode(), _dpi(dpi), texts)


def exif_of(image: Image.Image) -> dict[int, Any]:
    """Return all EXIF tags, with IFDs under the numbers of their tags; empty if EXIF cannot be parsed."""
    try:
        return _nested(image.getexif())
    except Exception:  # damaged EXIF is no reason to refuse a picture
        return {}


def _iptc(image: Image.Image) -> dict[int, Any]:
    """Return IPTC data as EXIF tags. Agencies store author and rights of a JPEG in IPTC data."""
    if not isinstance(image, ImageFile):
        return {}
    try:
        records = getiptcinfo(image) or {}
    except Exception:  # as above
        return {}
    lines = {tag: records.get((2, number)) for number, tag in IPTC.items()}
    firsts = {tag: line[0] if isinstance(line, list) else line for tag, line in lines.items() if line}
    return {tag: line.rstrip(b"\0").decode("latin-1") for tag, line in firsts.items()}


def origin_of_tiff(file: Any, page: tifffile.TiffPage) -> Origin:
    """Return the metadata of a TIFF that Pillow may be unable to open."""
    tags = {tag.code: tag.value for tag in page.tags}
    exif: dict[int, Any] = {code: tags[code] for code in PHOTO_TAGS if code in tags}
    if not page.parent.is_bigtiff:
        try:
            file.seek(0)
            loaded = Image.Exif()
            loaded.load_from_fp(file)
            exif = _nested(loaded)
        except Exception:  # as above
            pass
    xmp = tags.get(700, b"")
    return Origin(exif, xmp if isinstance(xmp, bytes) else str(xmp).encode(), _dpi(_resolution(tags)))


def _nested(exif: Image.Exif) -> dict[int, Any]:
    """Return all tags, with IFDs under the numbers of their tags."""
    inner = dict(exif.get_ifd(EXIF_IFD))
    if INTEROP_IFD in inner:
        inner[INTEROP_IFD] = dict(exif.get_ifd(INTEROP_IFD))
    return {**dict(exif), EXIF_IFD: inner, GPS_IFD: dict(exif.get_ifd(GPS_IFD))}


def _resolution(tags: Mapping[int, Any]) -> list[float] | None:
    """Return pixels per inch from tags of EXIF or TIFF, which are rational numbers or pairs of integers."""
    try:
        unit = {2: 1.0, 3: 2.54}[int(tags.get(RESOLUTION_UNIT, 2))]
        pairs = [value if isinstance(value, tuple) else (value, 1) for value in map(tags.__getitem__, RESOLUTION)]
        return [float(above) / float(below) * unit for above, below in pairs]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _dpi(dpi: Any) -> tuple[float, float] | None:
    """Return pixels per inch, or None for an unknown or impossible resolution."""
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    if not (1 <= across <= 100_000 and 1 <= down <= 100_000):
        return None
    return None if round(across) == round(down) == UNKNOWN_DPI else (round(across, 2), round(down, 2))


def _photo_xmp(packet: bytes, location: bool) -> bytes:
    """Return an XMP packet without properties about the file; empty if it cannot be parsed."""
    text = packet.strip(b"\0 \r\n\t")
    if not text or b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # entities can expand without bounds
        return b""
    try:
        document = minidom.parseString(text)
    except (ExpatError, ValueError):
        return b""

    def unwanted(node: Any) -> bool:
        name, space = node.localName or "", node.namespaceURI or ""
        return name in XMP_FILE or space.startswith(XMP_CAMERA) or (not location and name.startswith("GPS"))

    _prune(document, unwanted)
    return "".join(node.toxml() for node in document.childNodes).encode()


def _prune(node: Any, unwanted: Callable[[Any], bool]) -> None:
    """Remove all unwanted elements and attributes from a tree."""
    for child in list(_elements(node)):
        if unwanted(child):
            node.removeChild(child)
            continue
        for attribute in list(child.attributes.values()):
            if unwanted(attribute):
                child.removeAttributeNode(attribute)
        _prune(child, unwanted)


def _elements(node: Any) -> Iterator[Any]:
    return (child for child in node.childNodes if child.nodeType == Node.ELEMENT_NODE)
