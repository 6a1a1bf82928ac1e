"""The metadata of a photo, in results of every format."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, PngImagePlugin

from impasto.image import Picture, read, read_metadata, write

PIXELS = torch.linspace(0, 1, 3 * 24 * 16).reshape(1, 3, 24, 16)
CARRIERS = [("png", 8), ("png", 16), ("jpg", 8), ("webp", 8), ("tif", 8), ("tif", 16)]
SETTINGS: dict[str, object] = {"task": "stylize", "seed": 7}
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'tiff:Orientation="6" exif:GPSLatitude="48,8.5N" xmpRights:Marked="True">'
    "<xmpRights:UsageTerms>by permission of Müller</xmpRights:UsageTerms><exif:GPSLongitude>11,34E</exif:GPSLongitude>"
    '<xmp:Thumbnails>base64</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def block() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E], exif[0x010F], exif[0x0110] = "a bridge", "Maker", "Model 1"
    exif[0x0112] = 6
    exif[0x0132] = "2021:05:06 07:08:09"
    exif[0x013B] = "Jörg Müller".encode("latin-1")
    exif[0x8298] = "© 2021 Jörg Müller".encode()
    exif[0x4746] = 4
    inner = exif.get_ifd(0x8769)
    inner[0x9003] = "2021:05:06 07:08:09"
    inner[0x829A] = 0.005
    inner[0x927C] = b"maker's own"
    inner[0xA002] = 4000
    inner[0xA434] = "Lens 50mm"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 30.0)})
    return exif


def photo(path: Path) -> Picture:
    """A photo 16 x 24 that lies on its side, with all that a camera and an editor write."""
    pixels = np.random.default_rng(4).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    image, exif = Image.fromarray(pixels), block()
    if path.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP)
        image.save(path, exif=exif, dpi=(300, 300), pnginfo=texts)
    elif path.suffix == ".tif":
        exif[282], exif[283], exif[296], exif[700] = 300, 300, 2, XMP.encode()
        image.save(path, exif=exif.tobytes())
    else:
        exif[282], exif[283], exif[296] = 300, 300, 2
        image.save(path, exif=exif, dpi=(300, 300), xmp=XMP.encode())
    return read(path)


def exif_in(path: Path) -> Image.Exif:
    with Image.open(path) as image:
        image.load()
        exif = image.getexif()
        for directory in (0x8769, 0x8825):
            exif.get_ifd(directory)  # while the file is open
        return exif


def xmp_in(path: Path) -> str:
    with Image.open(path) as image:
        image.load()
        return bytes(image.info["xmp"]).decode()


def dpi_in(path: Path) -> tuple[float, float]:
    if path.suffix == ".webp":
        exif = exif_in(path)
        return float(exif[282]), float(exif[283])
    with Image.open(path) as image:
        return tuple(map(float, image.info["dpi"]))


def same_text(value: object) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else bytes(value)


@pytest.mark.filterwarnings("ignore:.*unknown pixel mode")
@pytest.mark.parametrize("source", ["jpg", "png", "webp"])
@pytest.mark.parametrize(("suffix", "bits"), CARRIERS)
def test_author_rights_date_camera_and_resolution_are_kept(tmp_path: Path, source: str, suffix: str, bits: int) -> None:
    picture, path = photo(tmp_path / f"photo.{source}"), tmp_path / f"result.{suffix}"
    assert write(path, PIXELS, bits=bits, metadata=SETTINGS, origin=picture.origin) == ()
    exif = exif_in(path)
    assert same_text(exif[0x013B]) == "Jörg Müller".encode("latin-1")
    assert same_text(exif[0x8298]) == "© 2021 Jörg Müller".encode()
    assert (exif[0x010F], exif[0x0110], exif[0x0132], exif[0x4746]) == ("Maker", "Model 1", "2021:05:06 07:08:09", 4)
    inner = exif.get_ifd(0x8769)
    assert (inner[0x9003], inner[0xA434], inner[0xA001]) == ("2021:05:06 07:08:09", "Lens 50mm", 1)
    assert float(inner[0x829A]) == pytest.approx(0.005)
    assert dpi_in(path) == pytest.approx((300, 300), abs=0.01)
    assert "by permission of Müller" in xmp_in(path)
    assert read_metadata(path) == SETTINGS
    assert read(path).size == (24, 16)


@pytest.mark.parametrize("source", ["jpg", "png", "webp"])
@pytest.mark.parametrize(("suffix", "bits"), CARRIERS)
def test_orientation_location_and_what_is_wrong_by_now_are_not(
    tmp_path: Path, source: str, suffix: str, bits: int
) -> None:
    picture, path = photo(tmp_path / f"photo.{source}"), tmp_path / f"result.{suffix}"
    assert picture.size == (24, 16)
    write(path, PIXELS, bits=bits, origin=picture.origin)
    exif, xmp = exif_in(path), xmp_in(path)
    assert exif.get(0x0112, 1) == 1
    assert not exif.get_ifd(0x8825)
    assert not {0x927C, 0xA002} & set(exif.get_ifd(0x8769))
    for word in ("GPS", "Orientation", "Thumbnails"):
        assert word not in xmp
    assert b"GPSLatitude" not in path.read_bytes()


@pytest.mark.parametrize(("suffix", "bits"), CARRIERS)
def test_the_location_is_kept_if_asked(tmp_path: Path, suffix: str, bits: int) -> None:
    picture, path = photo(tmp_path / "photo.jpg"), tmp_path / f"result.{suffix}"
    write(path, PIXELS, bits=bits, origin=picture.origin, location=True)
    place = exif_in(path).get_ifd(0x8825)
    assert place[1] == "N"
    assert tuple(map(float, place[2])) == (48.0, 8.0, 30.0)
    assert 'GPSLatitude="48,8.5N"' in xmp_in(path)
    assert "Orientation" not in xmp_in(path)


def test_a_tiff_as_the_source(tmp_path: Path) -> None:
    origin = photo(tmp_path / "photo.tif").origin
    write(tmp_path / "a.jpg", PIXELS, origin=origin)
    assert exif_in(tmp_path / "a.jpg")[0x0110] == "Model 1"
    assert exif_in(tmp_path / "a.jpg").get_ifd(0x8769)[0x9003] == "2021:05:06 07:08:09"
    assert dpi_in(tmp_path / "a.jpg") == (300, 300)
    assert "by permission of Müller" in xmp_in(tmp_path / "a.jpg")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_deep_tiff_as_the_source(tmp_path: Path, order: str, big: bool) -> None:
    tags = [(0x8298, 2, 0, "(c) Meier", True), (700, 1, len(XMP.encode()), XMP.encode(), True)]
    array = np.zeros((8, 9, 3), np.uint16)
    path = tmp_path / "photo.tif"
    options = {"photometric": "rgb", "metadata": None, "extratags": tags, "byteorder": order, "bigtiff": big}
    tifffile.imwrite(path, array, resolution=(118, 118), resolutionunit="CENTIMETER", **options)
    write(tmp_path / "a.png", PIXELS, origin=read(path).origin)
    assert exif_in(tmp_path / "a.png")[0x8298] == "(c) Meier"
    assert dpi_in(tmp_path / "a.png") == pytest.approx((299.72, 299.72), abs=0.02)
    assert "by permission" in xmp_in(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [8, 16])
def test_a_deep_png_as_the_source(tmp_path: Path, bits: int) -> None:
    write(tmp_path / "photo.png", PIXELS, bits=16, origin=photo(tmp_path / "photo.jpg").origin)
    write(tmp_path / "a.png", PIXELS, bits=bits, origin=read(tmp_path / "photo.png").origin)
    assert exif_in(tmp_path / "a.png")[0x0110] == "Model 1"
    assert dpi_in(tmp_path / "a.png") == pytest.approx((300, 300), abs=0.01)


def test_texts_of_a_png_stay_texts_and_become_exif_elsewhere(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    for name, text in (("Author", "Müller"), ("Copyright", "© 星"), ("Creation Time", "2020-01-02")):
        texts.add_text(name, text)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png", pnginfo=texts)
    origin = read(tmp_path / "photo.png").origin
    for bits in (8, 16):
        write(tmp_path / "a.png", PIXELS, bits=bits, origin=origin)
        with Image.open(tmp_path / "a.png") as image:
            image.load()
            result = image.text
        assert (result["Author"], result["Copyright"], result["Creation Time"]) == ("Müller", "© 星", "2020-01-02")
    for suffix in ("jpg", "webp", "tif"):
        write(tmp_path / f"a.{suffix}", PIXELS, origin=origin)
        assert same_text(exif_in(tmp_path / f"a.{suffix}")[0x8298]) == "© 星".encode()


def test_author_and_rights_by_iptc(tmp_path: Path) -> None:
    lines = ((80, b"Meier"), (116, "© Agentur".encode()))
    data = b"".join(b"\x1c\x02" + bytes([number]) + len(line).to_bytes(2, "big") + line for number, line in lines)
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(data).to_bytes(4, "big") + data + bytes(len(data) % 2)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    whole = buffer.getvalue()
    segment = b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body
    (tmp_path / "photo.jpg").write_bytes(whole[:2] + segment + whole[2:])
    for suffix in ("jpg", "webp", "tif", "png"):
        write(tmp_path / f"a.{suffix}", PIXELS, origin=read(tmp_path / "photo.jpg").origin)
        exif = exif_in(tmp_path / f"a.{suffix}")
        assert exif[0x013B] == "Meier"
        assert same_text(exif[0x8298]) == "© Agentur".encode()


def test_a_description_gives_way_to_the_settings(tmp_path: Path) -> None:
    origin = photo(tmp_path / "photo.jpg").origin
    write(tmp_path / "a.jpg", PIXELS, origin=origin)
    assert exif_in(tmp_path / "a.jpg")[0x010E] == "a bridge"
    for suffix in ("jpg", "webp", "tif"):
        write(tmp_path / f"b.{suffix}", PIXELS, origin=origin, metadata=SETTINGS)
        comment = exif_in(tmp_path / f"b.{suffix}").get_ifd(0x8769)[0x9286]
        assert bytes(comment) == b"UNICODE\0" + "a bridge".encode("utf-16-be")


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "png"])
def test_the_settings_of_a_result_are_not_those_of_the_next(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / "first.jpg", PIXELS, metadata=SETTINGS)
    path = tmp_path / f"a.{suffix}"
    write(path, PIXELS, origin=read(tmp_path / "first.jpg").origin)
    assert read_metadata(path) is None
    write(path, PIXELS, origin=read(tmp_path / "first.jpg").origin, metadata={"seed": 8})
    assert read_metadata(path) == {"seed": 8}
    assert b"stylize" not in path.read_bytes()


def test_bmp_holds_the_resolution_alone(tmp_path: Path) -> None:
    notices = write(tmp_path / "a.bmp", PIXELS, origin=photo(tmp_path / "photo.jpg").origin)
    path = tmp_path / "a.bmp"
    assert notices == (f"{path} does not carry the photo's EXIF data: BMP cannot hold it (the other formats can)",)
    assert dpi_in(path) == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(("suffix", "count"), [("jpg", 2), ("png", 0), ("webp", 0), ("tif", 0)])
def test_what_is_too_long_for_a_jpeg_is_left_out_with_a_notice(tmp_path: Path, suffix: str, count: int) -> None:
    exif = block()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + b"x" * 70_000
    packet = XMP.replace("by permission", "by permission " + "y" * 70_000)
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", packet)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png", exif=exif, pnginfo=texts)
    path = tmp_path / f"a.{suffix}"
    notices = write(path, PIXELS, origin=read(tmp_path / "photo.png").origin, metadata=SETTINGS)
    assert len(notices) == count
    assert read_metadata(path) == SETTINGS
    assert read(path).size == (24, 16)


@pytest.mark.parametrize("packet", ["<broken", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "", "<a:b/>"])
def test_damaged_xmp_is_left_out(tmp_path: Path, packet: str) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", packet)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png", pnginfo=texts)
    write(tmp_path / "a.png", PIXELS, origin=read(tmp_path / "photo.png").origin)
    with Image.open(tmp_path / "a.png") as image:
        assert "xmp" not in image.info


def test_an_unknown_resolution_is_not_carried(tmp_path: Path) -> None:
    """72 dpi is what JFIF and EXIF have for it."""
    for dpi, kept in ((72, False), (96, True)):
        Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg", dpi=(dpi, dpi))
        write(tmp_path / "a.png", PIXELS, origin=read(tmp_path / "photo.jpg").origin)
        with Image.open(tmp_path / "a.png") as image:
            assert ("dpi" in image.info) == kept


@pytest.mark.parametrize(("suffix", "bits"), CARRIERS)
def test_a_picture_that_says_nothing_changes_no_byte(tmp_path: Path, suffix: str, bits: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    (tmp_path / "photo.png").write_bytes(buffer.getvalue())
    write(tmp_path / f"a.{suffix}", PIXELS, bits=bits, metadata=SETTINGS)
    write(tmp_path / f"b.{suffix}", PIXELS, bits=bits, metadata=SETTINGS, origin=read(tmp_path / "photo.png").origin)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
