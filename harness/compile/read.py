"""Reads a log of any format, told by its name, or by how it begins."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import HarnessError
from . import flows, har, ledger_rows, table
from .events import Log

FORMATS: Final = ("har", "flows", "csv", "json", "ndjson", "run")
_SUFFIXES: Final = {
    ".har": "har",
    ".flow": "flows",
    ".flows": "flows",
    ".mitm": "flows",
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
_COMPRESSED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zX")
"""How files of gzip, zip, zstd, bzip2 and xz begin."""
_SNIFFED_BYTES: Final = 4096


def read(path: Path, form: str | None, columns: Mapping[str, str]) -> Log:
    """The calls of the log at `path`.

    Args:
        path: The file, or a run's folder.
        form: One of `FORMATS`, None to find out.
        columns: The columns that the user named, for tables.

    Raises:
        HarnessError: when it can't be read, is of no known format, or has no usable call.
    """
    try:
        if not path.is_dir() and path.stat().st_size == 0:
            raise HarnessError("the file is empty", str(path), "check that the log was written")
        _check_text(path)
        form = form or _format(path)
        if columns and form not in {"csv", "json", "ndjson"}:
            raise HarnessError(f"{form} has no columns", "--columns", "leave it out; it is for csv, json and ndjson")
        match form:
            case "har":
                return har.read(path)
            case "flows":
                return flows.read(path)
            case "csv":
                return table.read_csv(path, columns)
            case "json":
                return table.read_json_list(path, columns)
            case "ndjson":
                return table.read_ndjson(path, columns)
            case _:
                return ledger_rows.read(path)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise HarnessError(f"the log can't be read: {reason}", str(path), "check the path and the format") from error


def _check_text(path: Path) -> None:
    """See that a file isn't compressed, or in UTF-16 as PowerShell writes it: no column would be found."""
    if path.is_dir():
        return
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith(_COMPRESSED):
            raise HarnessError("the file is compressed", str(path), "unpack it first, as with gunzip, unzip or unzstd")
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise HarnessError(
                "the file is UTF-16, not UTF-8", str(path), "save it as UTF-8, as with iconv -f UTF-16 -t UTF-8"
            )


def _format(path: Path) -> str:
    if path.is_dir():
        return "run"
    known = _SUFFIXES.get(path.suffix.lower())
    if known:
        return known
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] == b"[":
        return "json"
    if head[:1] == b"{":
        return "har" if b'"log"' in head[:200] else "ndjson"
    if head[:1].isdigit() and head.partition(b":")[0].isdigit() and path.suffix.lower() not in {".txt", ".log"}:
        return "flows"  # a netstring: its length, then a colon
    return "csv"
