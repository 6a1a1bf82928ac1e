"""Settings in files, in every encoding that editors and shells write."""

import codecs

import pytest

from impasto.errors import UsageError
from impasto.settings.files import read_table

TABLE = {"size": 64, "init": "Gemälde 星.png"}
TEXTS = {
    "toml": 'size = 64\n# über\ninit = "Gemälde 星.png"\n',
    "json": '{"size": 64,\n "init": "Gemälde 星.png"}\n',
}
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings(tmp_path, suffix, encoding, marked, newline):
    text = TEXTS[suffix].replace("\n", newline)
    (tmp_path / f"s.{suffix}").write_bytes((MARKS[encoding] if marked else b"") + text.encode(encoding))
    assert read_table(tmp_path / f"s.{suffix}") == TABLE


def test_other_encodings_are_one_line(tmp_path):
    path = tmp_path / "s.toml"
    path.write_bytes(TEXTS["toml"].replace("星", "").encode("cp1252"))
    with pytest.raises(UsageError) as caught:
        read_table(path)
    assert str(caught.value) == f"'{path}' is no text in UTF-8: byte 0xfc in line 2; save it as UTF-8"


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_empty_file_is_an_empty_table(tmp_path, data):
    (tmp_path / "s.toml").write_bytes(data)
    assert read_table(tmp_path / "s.toml") == {}


def test_half_a_character(tmp_path):
    (tmp_path / "s.toml").write_bytes(codecs.BOM_UTF16_LE + "size = 64".encode("utf-16-le") + b"1")
    with pytest.raises(UsageError, match="is no text in UTF-16"):
        read_table(tmp_path / "s.toml")
