"""What a file is that is called .csv and is none, by its first bytes."""

from __future__ import annotations

_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or a zip"),
    (b"PK\x05\x06", "an empty zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF-", "a PDF"),
)
_PAGES = (b"<!doctype html", b"<html")


def foreign_format(head: bytes) -> str:
    """Name the format that a file with these first bytes has, "" where it may be a CSV."""
    for beginning, name in _FORMATS:
        if head.startswith(beginning):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "a web page (HTML)" if text.startswith(_PAGES) else ""
