"""The catalogue of scenarios tells what real runs found, of the scenario as it is, and of nothing else."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from banstorm.scenarios import library

SCRIPTS = Path(__file__).parent.parent / "scripts"
NAME = "sudden_ban"
PLAIN = f"banstorm run {NAME} --target reference --seed 20260104"
BARE = f"{PLAIN} --set fallback=false --set breaker.enabled=false"
BARE_DETAIL = "reference router with fallback=false, breaker.enabled=false"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that makes the page."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("catalogue_page")


@pytest.fixture
def notes(page: ModuleType) -> ModuleType:
    """The script that notes what runs found."""
    return importlib.import_module("write_catalogue")


def _run(folder: Path, run: dict[str, Any], report: dict[str, Any], text: str | None = None) -> Path:
    told = {"scenario_name": NAME, "target": {"detail": "reference router"}, "host": "mitmproxy", "interrupted": False}
    told |= {"seed": 20260104, "command": PLAIN, "banstorm": "0.1.0", "started_wall": "2026-11-20T10:00:00+00:00"}
    found: dict[str, Any] = {"verdict": "pass", "sentence": "it passed.", "expectations": []}
    (folder / "run.json").write_text(json.dumps(told | run))
    (folder / "report.json").write_text(json.dumps(found | report))
    (folder / "scenario.yaml").write_text(text or library.find(NAME).read_text("utf-8"))
    return folder


def test_a_run_is_noted_with_what_broke(notes: ModuleType, tmp_path: Path):
    """Version, day, verdict, the command that repeats it, and each expectation that broke with what was found."""
    broken = {"measure": "lost_calls", "wanted": "== 0", "found": "7", "state": "broken", "scope": "run"}
    met = {"measure": "outage", "wanted": "<= 1s", "found": "0ms", "state": "met", "scope": "run"}
    name, kind, found = notes.note(_run(tmp_path, {}, {"verdict": "fail", "expectations": [met, broken]}))
    assert (NAME, "reference") == (name, kind)
    assert ("fail", "0.1.0", "2026-11-20", PLAIN) == tuple(
        found[key] for key in ("verdict", "banstorm", "day", "command")
    )
    assert [{"measure": "lost_calls", "wanted": "== 0", "found": "7"}] == found["broken"]


def test_a_run_without_protections_is_noted_apart(notes: ModuleType, tmp_path: Path):
    """What the router does without fallback and breaker stands beside what it does with them."""
    _, kind, _ = notes.note(_run(tmp_path, {"target": {"detail": BARE_DETAIL}, "command": BARE}, {}))
    assert "unprotected" == kind


OTHERS = {
    "another rate": {"command": f"{PLAIN} --rate 5/s"},
    "another seed": {"seed": 1, "command": PLAIN.replace("20260104", "1")},
    "inline": {"host": "inline", "command": f"{PLAIN} --inline"},
    "another target": {"target": {"detail": "a router of ours"}},
    "other settings": {"target": {"detail": "reference router with retry.attempts_max=1"}},
    "a scenario of one's own": {"scenario_name": "mine"},
    "interrupted": {"interrupted": True},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_run_of_something_else_is_not_noted(notes: ModuleType, tmp_path: Path, what: str):
    """Only the library's scenarios as they stand, in whole runs of the reference router."""
    assert notes.note(_run(tmp_path, OTHERS[what], {})) is None


def test_what_is_no_run_is_passed_over(notes: ModuleType, tmp_path: Path):
    """A folder without a report, as of a run that never began."""
    assert notes.note(tmp_path) is None


def _note(digest: str, verdict: str, at: str) -> dict[str, Any]:
    return {"digest": digest, "verdict": verdict, "at": at}


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        (("now", "pass", "2"), ("now", "pass", "1"), True),
        (("now", "pass", "1"), ("now", "fail", "2"), False),
        (("now", "inconclusive", "2"), ("now", "pass", "1"), False),
        (("now", "pass", "1"), ("now", "inconclusive", "2"), True),
        (("now", "inconclusive", "1"), ("was", "pass", "2"), True),
        (("was", "pass", "2"), ("now", "fail", "1"), False),
    ],
)
def test_the_newest_run_that_could_tell_is_kept(notes: ModuleType, new, old, wanted):
    """A run of the scenario as it is goes before one of what it was, a verdict before none, a newer before an older."""
    assert wanted is notes.better(_note(*new), _note(*old), "now")
    assert notes.better(_note(*new), None, "now")


def test_prose_does_not_change_what_is_played(page: ModuleType, tmp_path: Path):
    """A better story leaves what was found as it is; another window doesn't."""
    text = library.find(NAME).read_text("utf-8")
    told, moved = tmp_path / "told.yaml", tmp_path / "moved.yaml"
    told.write_text(text.replace("title: Sudden policy ban", "title: A ban"))
    moved.write_text(text.replace("until: 7s", "until: 6s"))
    assert page.digest(library.find(NAME)) == page.digest(told)
    assert page.digest(library.find(NAME)) != page.digest(moved)


def test_the_page_has_every_scenario_and_what_was_found(page: ModuleType):
    """A row each, with a link to its file, and the verdict or that there is none."""
    rows = [line for line in page.page().splitlines() if line.startswith("| [`")]
    assert len(library.paths()) == len(rows)
    for name, path in library.paths().items():
        (row,) = (line for line in rows if line.startswith(f"| [`{name}`]("))
        assert f"(../scenarios/{path.parent.name}/{path.name})" in row
        note = page.found().get(name, {}).get("reference")
        assert (note["verdict"] if note else "not run") in row


def test_what_has_changed_since_is_marked(page: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """A verdict on what a scenario once was is not passed off as one on what it is."""
    note = {"verdict": "pass", "banstorm": "0.1.0", "day": "2026-11-20", "broken": [], "digest": "another"}
    monkeypatch.setattr(page, "found", lambda: {NAME: {"reference": note}})
    (row,) = (line for line in page.page().splitlines() if line.startswith(f"| [`{NAME}`]("))
    assert "**pass**, 0.1.0, 2026-11-20 (changed)" in row
