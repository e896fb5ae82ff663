"""Finds the recorded runs that a path stands for: a run's folder, a folder of runs, a repeat's folder, a report.json.

What can't be read is left out and named; nothing is judged again, and nothing is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from .errors import ReportError, UnreadableRunError
from .recorded import Found, Recorded

FORMAT: Final = 1
REPORT: Final = "report.json"
MANIFEST: Final = "run.json"
REPEAT: Final = "repeat.json"
RUNS_MAX: Final = 2000
"""Most runs read of one folder; of more, those whose names come last: names begin with the time."""
DEPTH_MAX: Final = 3
"""How many folders deep runs are looked for."""
BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest report.json that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that could not be read, and why."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """The runs of a path, oldest first, and what was left out."""

    path: Path
    runs: list[Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def gather(path: Path) -> Gathered:
    """Every recorded run of `path`.

    Raises:
        ReportError: when there is nothing there, or no run in it that can be read.
    """
    if path.is_file():
        return Gathered(path, [read(path)])
    if not path.is_dir():
        raise ReportError("there is nothing of that name", str(path), "name a run's folder, or a folder of runs")
    if (path / REPORT).is_file() or (path / MANIFEST).is_file():
        return Gathered(path, [read(path / REPORT)])
    folders, gone = _folders(path)
    found = Gathered(path, left_out=gone)
    for folder in folders[-RUNS_MAX:]:
        try:
            found.runs.append(read(folder / REPORT))
        except ReportError as error:
            found.left_out.append(LeftOut(folder.name, error.what))
    if len(folders) > RUNS_MAX:
        why = f"older than the newest {RUNS_MAX}, which is how many are read"
        found.left_out.append(LeftOut(f"{len(folders) - RUNS_MAX} more runs", why))
    if not found.runs:
        first = f"; {found.left_out[0].where}: {found.left_out[0].why}" if found.left_out else ""
        what = f"no run in it can be read{first}"
        raise ReportError(what, str(path), "name a folder that `banstorm run` made, or the one given with --out")
    found.runs.sort(key=lambda each: (each.recorded.run.started, each.name))
    return found


def _folders(path: Path) -> tuple[list[Path], list[LeftOut]]:
    """The folders of runs below `path`, by name, and those that a repeat names and that are gone."""
    if (path / REPEAT).is_file():
        return _repeated(path)
    found, left = [], [(path, 0)]
    while left:
        folder, depth = left.pop()
        if (folder / REPORT).is_file() or (folder / MANIFEST).is_file():
            found.append(folder)
        elif depth < DEPTH_MAX and not (folder / REPEAT).is_file():  # its runs stand beside it
            left += [(each, depth + 1) for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]
    return sorted(found, key=lambda each: each.name), []


def _repeated(path: Path) -> tuple[list[Path], list[LeftOut]]:
    """The runs of a repeat: they stand beside its own folder."""
    data = _json(path / REPEAT)
    try:
        names = [str(run["folder"]) for each in data["scenarios"] for run in each["runs"]]
    except (KeyError, TypeError) as error:
        raise UnreadableRunError(
            f"{REPEAT} names no runs", str(path / REPEAT), "name the folder that the runs are in"
        ) from error
    folders = [path.parent / Path(name).name for name in names]
    gone = [LeftOut(each.name, "its folder is gone") for each in folders if not each.is_dir()]
    return sorted((each for each in folders if each.is_dir()), key=lambda each: each.name), gone


def read(path: Path) -> Found:
    """The run of one report.json.

    Raises:
        UnreadableRunError: when it can't be read, or another version wrote it that this one does not know.
    """
    if not path.is_file() and (path.parent / MANIFEST).is_file():
        what = "it has no report: it was ended before its end, or never judged"
        raise UnreadableRunError(what, str(path.parent), f"banstorm report {path.parent}")
    data = _json(path)
    form = data.get("format") if isinstance(data, dict) else None
    if form != FORMAT:
        what = f"no report that this banstorm reads: format {form!r}, not {FORMAT}"
        raise UnreadableRunError(what, str(path), "use the banstorm version that made it, or run it again")
    try:
        recorded = Recorded.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "document"
        what = f"{path.name} does not describe a run: {place}: {first['msg']}"
        raise UnreadableRunError(what, str(path), "make it again: banstorm report FOLDER") from error
    return Found(recorded, path.parent if path.name == REPORT else path, _scenario(path.parent / MANIFEST))


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > BYTES_MAX:
            what = f"{path.name} is larger than {BYTES_MAX // 1024 // 1024} MiB"
            raise UnreadableRunError(what, str(path), "name a report that banstorm made")
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        what = f"{path.name} can't be read: {error.strerror or error}"
        raise UnreadableRunError(what, str(path), "check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        what = f"{path.name} is not JSON: {error}"
        raise UnreadableRunError(what, str(path), f"make it again: banstorm report {path.parent}") from error


def _scenario(path: Path) -> dict[str, Any]:
    """The scenario that a run's manifest has; nothing where it can't be read: the report alone says enough."""
    try:
        found = _json(path).get("scenario")
    except (UnreadableRunError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}
