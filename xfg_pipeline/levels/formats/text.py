"""Bytes to text, strictly: what is no text, too large or not certain is refused before anything is parsed."""

from __future__ import annotations

import codecs
import re

from xfg_pipeline.levels.issues import ExportRefused, refused, unfinished
from xfg_pipeline.levels.rules import LevelRules

_MAGIC = (
    (b"PK\x03\x04", "a zip or Excel file"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format", "a database"),
    (b"\x7fELF", "a program"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with BOM"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE with BOM"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE with BOM"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ud800-\udfff]")
_EXPORT_AS_CSV = "export as CSV text in UTF-8"


def decode(content: bytes, rules: LevelRules) -> tuple[str, str]:
    """The text of a file and its encoding. ExportRefused names the line; an empty file is unfinished."""
    if len(content) > rules.max_file_bytes:
        raise refused(
            "too_large",
            f"the file has {len(content):,} bytes, more than the {rules.max_file_bytes:,} that are read",
            "export a shorter range",
        )
    text, encoding = _decode(content)
    if not text.strip():
        raise unfinished("empty", "the file is empty", "export again")
    control = _CONTROL.search(text)
    if control:
        line = line_of(text, control.start())
        raise refused(
            "binary",
            f"line {line} holds the control character U+{ord(control.group()):04X}: this is no text",
            _EXPORT_AS_CSV,
            line=line,
        )
    _check_size(text, rules)
    return text, encoding


def line_of(text: str, position: int) -> int:
    """The line, from 1, of a character."""
    return len(re.findall(r"\r\n|\r|\n", text[:position])) + 1


def _decode(content: bytes) -> tuple[str, str]:
    for magic, what in _MAGIC:
        if content.startswith(magic):
            raise _binary(f"this is {what}, not a CSV file")
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refused("encoding", "the file is written in UTF-32", _EXPORT_AS_CSV)
    for bom, codec, name in _BOMS:
        if content.startswith(bom):
            return _strict(content[len(bom) :], codec, name), name
    unmarked = _utf16_without_bom(content)
    if unmarked:
        name = "UTF-16 LE" if unmarked == "utf-16-le" else "UTF-16 BE"
        return _strict(content, unmarked, name), name
    head = content[:4096]
    if b"\x00" in head or sum(byte < 32 and byte not in b"\t\n\r" for byte in head) * 20 > len(head):
        raise _binary("this is binary data, not a CSV file")
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as broken:
        return _windows_1252(content, broken), "Windows-1252"


def _strict(content: bytes, codec: str, name: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError as broken:
        if broken.reason in ("unexpected end of data", "truncated data"):
            raise unfinished("cut", "the file ends inside a character", "export again") from broken
        line = line_of(content[: broken.start].decode(codec, "ignore"), len(content)) if broken.start else 1
        raise refused("encoding", f"line {line} is not {name}", _EXPORT_AS_CSV, line=line) from broken


def _utf16_without_bom(content: bytes) -> str | None:
    """UTF-16 of mostly Latin text shows as a NUL in every other byte; anything less clear is no text."""
    head = content[:4096]
    if len(head) < 16:
        return None
    even, odd = head[::2], head[1::2]
    for zeros, letters, codec in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros.count(0) * 10 >= len(zeros) * 9 and letters.count(0) == 0:
            return codec
    return None


def _windows_1252(content: bytes, broken: UnicodeDecodeError) -> str:
    """Windows-1252 fits almost any bytes, so it may only ever spell headers: the rest must be plain ASCII."""
    if broken.reason == "unexpected end of data" and broken.end == len(content):
        raise unfinished("cut", "the file ends inside a character", "export again") from broken
    header_end = re.search(rb"[\r\n]", content)
    body = content[header_end.start() :] if header_end else b""
    try:
        if not body.isascii():
            raise broken
        return content.decode("cp1252")
    except UnicodeDecodeError:
        bad = broken.start
        if header_end and bad < header_end.start() and not body.isascii():
            bad = header_end.start() + next(at for at, byte in enumerate(body) if byte > 127)
        line = line_of(content[:bad].decode("latin-1"), bad)
        raise refused(
            "encoding",
            f"line {line} is not UTF-8, and any other reading could change a price",
            _EXPORT_AS_CSV,
            line=line,
        ) from broken


def _check_size(text: str, rules: LevelRules) -> None:
    rows = text.count("\n") or text.count("\r")
    if rows > rules.max_rows:
        raise refused(
            "too_many_rows",
            f"the file has {rows:,} lines, more than the {rules.max_rows:,} that are read",
            "export a shorter range",
        )
    start = number = 0
    while start < len(text):
        number += 1
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - start > rules.max_line_chars:
            raise refused(
                "long_line",
                f"the line has {end - start:,} characters; {rules.max_line_chars:,} are read at most",
                _EXPORT_AS_CSV,
                line=number,
            )
        start = end + 1


def _binary(message: str) -> ExportRefused:
    return refused("binary", message, _EXPORT_AS_CSV)
