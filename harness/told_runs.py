"""What the commands that tell of several runs have in common: reading mistakes, writing files, printing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import HarnessError
from .lines import tell

FORMATS: Final = ("text", "markdown", "json")
"""What can be printed."""


@contextmanager
def readable() -> Iterator[None]:
    """What can't be read or compared, as the command's own three lines.

    Raises:
        HarnessError: instead of a ReportError.
    """
    from ..reports.errors import ReportError

    try:
        yield
    except ReportError as error:
        raise HarnessError(error.what, error.where, error.next_step) from error


def write(folder: Path | None, files: Mapping[str, str]) -> None:
    """Write the files into `folder`, each whole or not at all; nowhere, if there is none.

    Raises:
        HarnessError: when the folder can't be written.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            partial = folder / f".{name}.partial"
            partial.write_text(text, "utf-8", errors="replace")
            partial.replace(folder / name)
    except OSError as error:
        what = f"the files can't be written: {error.strerror or type(error).__name__}"
        raise HarnessError(what, str(folder), "choose another with --out") from error


def say(text: str, folder: Path | None, page: str) -> None:
    """Print the text, and below it where the page is, if there is one."""
    where = [f"page: {folder / page}"] if folder is not None and page else []
    tell(sys.stdout, [text.rstrip("\n"), *where])
