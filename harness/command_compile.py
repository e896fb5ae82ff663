"""What `banstorm compile` does: a log of what happened becomes a scenario that plays it again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import click

from ..scenarios.units import parse_duration, parse_factor, parse_rate
from .compile import emit
from .compile.columns import parse_columns
from .compile.read import read
from .compile.scenario import Wish, decide
from .errors import HarnessError
from .exitcode import Exit

TITLE_CHARS_MAX: Final = 120
"""Longest title, in characters."""
NAME_CHARS_MAX: Final = 60
"""Characters of the log's file name that the scenario's source shows."""
FIT_S_MIN: Final = 1.0
"""Shortest time that a log is fitted into, in seconds."""


def play(
    *,
    file: Path,
    form: str | None,
    columns: str,
    compress: str | None,
    fit: str | None,
    rate: str | None,
    title: str | None,
    out: Path | None,
) -> int:
    """Compile the log `file`, print or write the scenario, and give the exit code.

    Raises:
        HarnessError: when the log or an option can't be used.
    """
    wish = _wish(file, compress=compress, fit=fit, rate=rate, title=title)
    log = read(file, form, parse_columns(columns))
    found = decide(log, wish)
    text = emit.text(found)
    if out is None:
        _print(text)
    else:
        _write(out, text)
        told = f"{out}: {len(found.windows)} windows of {found.calls:,} calls."
        click.echo(f"{told} play it: banstorm run {shlex.quote(str(out))}")
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    return Exit.PASS


def _print(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise  # whoever read it has enough: ``… | head``
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise HarnessError(
            f"the scenario can't be written: {reason}", "the standard output", "name a file: --out"
        ) from error


def _write(out: Path, text: str) -> None:
    begun = False
    try:
        with out.open("x", encoding="utf-8") as file:
            begun = True
            file.write(text)
    except FileExistsError as error:
        raise HarnessError("the file is there already", str(out), "choose another name, or remove it") from error
    except OSError as error:
        if begun:
            out.unlink(missing_ok=True)  # half a scenario: the next try would be told that it is there already
        reason = (error.strerror or type(error).__name__).lower()
        raise HarnessError(f"the scenario can't be written: {reason}", str(out), "choose another place") from error


def _wish(file: Path, *, compress: str | None, fit: str | None, rate: str | None, title: str | None) -> Wish:
    if compress is not None and fit is not None:
        raise HarnessError("--compress and --fit say the same thing", "the command line", "give one of them")
    try:
        factor = None if compress is None else parse_factor(compress)
    except ValueError as error:
        raise HarnessError(str(error), "--compress", "write it like 60x") from error
    try:
        fit_s = None if fit is None else parse_duration(fit)
    except ValueError as error:
        raise HarnessError(str(error), "--fit", "write it like 30s") from error
    if fit_s is not None and fit_s < FIT_S_MIN:
        raise HarnessError(f"a log can't be fitted into less than {FIT_S_MIN:g}s", "--fit", "write it like 30s")
    try:
        rate_max = None if rate is None else parse_rate(rate)
    except ValueError as error:
        raise HarnessError(str(error), "--rate", "write it like 30/s") from error
    if title is not None and (not title.strip() or len(title) > TITLE_CHARS_MAX or not title.isprintable()):
        raise HarnessError("no title", "--title", f"write one line of 1 to {TITLE_CHARS_MAX} characters")
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", file.name)[:NAME_CHARS_MAX]
    return Wish(factor, fit_s, rate_max, title, name or "a log")
