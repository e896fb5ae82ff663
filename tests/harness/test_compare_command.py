"""`banstorm compare` and `banstorm history`: exit codes, files, and mistakes in three lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from banstorm.harness.cli import banstorm
from banstorm.harness.errors import HarnessError
from click.testing import CliRunner, Result


def _run(folder: Path, seed: int = 1, verdict: str = "pass", lost: float = 0.0, scenario: str = "sudden_ban") -> Path:
    value = {"scope": "run", "value": lost, "amounts": {"number": lost}}
    report: dict[str, Any] = {
        "format": 1,
        "verdict": verdict,
        "run": {"scenario": scenario, "target": "litellm", "seed": seed, "started": f"2026-01-0{seed}"},
        "findings": [{"key": "lost_calls", "unit": "number", "values": [value]}],
    }
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    return folder


def _invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(banstorm, [str(each) for each in words])


@pytest.mark.parametrize(
    ("after", "gate", "code"),
    [
        ({"lost": 9.0}, [], 0),  # a comparison is no judgement
        ({}, ["--gate"], 0),
        ({"lost": 1.0}, ["--gate"], 1),
        ({"lost": 1.0}, ["--gate", "--tolerance", "lost_calls=1"], 0),
        ({"lost": 1.0}, ["--tolerance", "lost_calls=0"], 1),  # whoever says what is tolerated wants it judged
        ({"lost": 1.0}, ["--tolerance", ""], 1),  # and nothing is a tolerance, too
        ({"verdict": "fail"}, ["--gate"], 1),
        ({"verdict": "inconclusive"}, ["--gate"], 3),
    ],
)
def test_what_ci_learns(after: dict[str, Any], gate: list[str], code: int, tmp_path: Path) -> None:
    """0 when B may replace A, 1 when it may not, 3 when that can't be told; without the gate always 0."""
    done = _invoke("compare", _run(tmp_path / "a"), _run(tmp_path / "b", **after), *gate)
    assert code == done.exit_code, done.output


@pytest.mark.parametrize("command", ["compare", "history"])
def test_each_form_is_printed_and_written(command: str, tmp_path: Path) -> None:
    """Text, Markdown and JSON on standard output; a page, Markdown and JSON into a folder."""
    paths = [_run(tmp_path / "runs" / "a"), _run(tmp_path / "runs" / "b", lost=2.0)]
    paths = paths if command == "compare" else [tmp_path / "runs"]
    out = tmp_path / "deep" / "out"
    printed = {form: _invoke(command, *paths, "--format", form, "--out", out) for form in ("text", "markdown", "json")}
    assert [0, 0, 0] == [each.exit_code for each in printed.values()]
    assert {f"{command}.{kind}" for kind in ("html", "md", "json")} == {each.name for each in out.iterdir()}
    assert json.loads(printed["json"].output) == json.loads((out / f"{command}.json").read_text("utf-8"))
    assert printed["markdown"].output == (out / f"{command}.md").read_text("utf-8")
    assert printed["text"].output.endswith(f"page: {out / command}.html\n")
    assert (out / f"{command}.html").read_text("utf-8").startswith("<!doctype html>")


def _torn(folder: Path) -> Path:
    _run(folder)
    (folder / "report.json").write_text('{"format"', "utf-8")
    return folder


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (lambda path: ["compare", _run(path / "a"), path / "gone"], "there is nothing of that name"),
        (lambda path: ["compare", _run(path / "a"), _torn(path / "b")], "report.json is not JSON"),
        (lambda path: ["compare", _run(path / "a", 1), _run(path / "b", 2)], "no two runs have the same scenario"),
        (lambda path: ["compare", _run(path / "a"), _run(path / "b", scenario="hang")], "no two runs have the same"),
        (lambda path: ["compare", _run(path / "a"), _run(path / "b"), "--tolerance", "lots"], "'lots' is no tolerance"),
        (lambda path: ["compare", _run(path / "a"), _run(path / "b"), "--out", path / "a" / "report.json"], "written"),
        (lambda path: ["history", path], "no run in it can be read"),
        (lambda path: ["history", path / "gone"], "there is nothing of that name"),
    ],
)
def test_a_mistake_is_told_in_three_lines(words: Any, what: str, tmp_path: Path) -> None:
    """What, where, and what next."""
    done = _invoke(*words(tmp_path))
    assert isinstance(done.exception, HarnessError)
    lines = str(done.exception).splitlines()
    assert ["error:", "where:", "next: "] == [each[:6] for each in lines]
    assert what in lines[0]


def test_comparing_needs_nothing_of_the_lab(tmp_path: Path) -> None:
    """Two artifacts can be compared where only the base install is: nothing heavy is loaded."""
    paths = [str(_run(tmp_path / "a")), str(_run(tmp_path / "b", lost=1.0))]
    code = (
        "import sys; from banstorm.harness.cli import banstorm\n"
        f"try: banstorm(['compare', *{paths!r}, '--out', {str(tmp_path / 'out')!r}])\n"
        "except SystemExit as end: print(end.code)\n"
        "print(sorted({'pandas', 'numpy', 'pyarrow', 'mitmproxy', 'locust', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.endswith("0\n[]\n")
