"""A run's folder to its report: read, find, judge, write. Needs nothing but the folder, today or next year."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .errors import ReportError
from .result import Result
from .terms import Terms

REPLACED: Final = ("report.html", "report.json")
"""Files of an earlier report that a new one replaces."""
CHARTS: Final = "charts"
"""Folder of the pictures, inside the run's."""


def report(folder: Path, *, charts: bool = True, terms: Terms | None = None, force: bool = False) -> Result:
    """Judge the run in `folder` and write its report into it; returns the result.

    Writes Parquet beside the ledger, a file a writer (report.html, report.json, summary.md, junit.xml), the report's
    tables as CSV and Parquet and, unless `charts` is False, pictures.

    A folder that can be read whole gives the same report again, so that one that is there is replaced. Where part of it
    can't be read, a report from before the damage may say more than a new one, and is kept.

    Args:
        folder: The run's.
        charts: Whether to draw pictures.
        terms: The user's own; None for what the folder says.
        force: Replace what is there even if the folder can't be read whole.

    Raises:
        ReportError: when the folder holds no run that can be read, a part of `banstorm[lab]` is missing, a file
            can't be written, or what is there would be lost.
    """
    try:
        from .assemble import make_result
        from .frames import LEDGER, read_run
        from .ledger_parquet import Copy, missing_lines
        from .tabular import write_tables
    except ImportError as error:
        raise _missing(error) from error
    if folder.is_file():
        raise ReportError("this is a file, not a run's folder", str(folder), f"banstorm report {folder.parent}")
    try:
        with Copy(folder / LEDGER) as copy:
            run = read_run(folder, copy)
            if not (force or run.whole):
                _spare(folder, (run.torn + run.unreadable)[0])
            if not force and run.blocks is not None:
                _keep(folder, missing_lines(folder / LEDGER, {name: len(run.table(name)) for name in run.frames}))
            if run.blocks is not None:
                copy.commit()
        if terms is not None:
            run.manifest = terms.applied(run.manifest)
        result = make_result(run)
        write_pages(result, folder)
        write_tables(result, folder)
        if charts:
            from .charts import draw

            draw(result, folder / CHARTS)
    except ImportError as error:
        raise _missing(error) from error
    except OSError as error:
        raise ReportError(
            f"the report can't be written: {error.strerror or error}",
            str(error.filename or folder),
            "make room, or make the folder writable, and run `banstorm report` on it again",
        ) from error
    return result


def _spare(folder: Path, damage: str) -> None:
    """Refuse to write over what was made before the damage."""
    there = [path for name in (*REPLACED, "ledger/attempts.parquet") if (path := folder / name).exists()]
    if there:
        raise ReportError(
            f"part of the run can't be read, and {there[0].name} may be from when it could: {damage}",
            str(folder),
            "copy the folder and report on the copy, or write over what is there with `--force`",
        )


def _keep(folder: Path, missing: str | None) -> None:
    """Refuse to replace a copy of the ledger that has what the ledger has lost."""
    if missing is not None:
        raise ReportError(
            f"part of the ledger is gone, and its Parquet copy still has it: {missing}",
            str(folder),
            "put the NDJSON file back; or move every ledger/*.ndjson away, and the copy is read; or use `--force`",
        )


def write_pages(result: Result, folder: Path) -> list[Path]:
    """Every writer's file; a reader never sees half of one."""
    from . import writers

    written = []
    for name in writers.names():
        writer = writers.find(name)
        path = folder / writer.FILE
        partial = path.with_name(f".{path.name}.partial")
        # A lone surrogate in what a router said must not cost the report.
        partial.write_text(writer.render(result), "utf-8", errors="replace")
        partial.replace(path)
        written.append(path)
    return written


def _missing(error: ImportError) -> ReportError:
    return ReportError(
        f"reports need {error.name!r}, which is not installed",
        "this Python environment",
        "pip install 'banstorm[lab]'",
    )
