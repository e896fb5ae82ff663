"""The files of a report: each says what the result says, within its limits, whatever strings are in it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from banstorm.reports import schema, writers
from banstorm.reports.result import Result, Verdict
from banstorm.reports.writers import html, junit, markdown
from synthetic import Story, judged, ns, simulate

EXPECT = {"lost_calls": 0, "time_to_fail_over": "<= 250ms", "switch_gap": {"p95": "<= 1s"}}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """A run of each verdict, and one whose target crashed."""
    passing = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, expect={"lost_calls": 0})
    failing = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5, expect=EXPECT)
    killed, crashed = simulate(passing), simulate(passing)
    killed.manifest["own_failures"] = ["injector was killed by signal 9"]
    crashed.manifest["target_exit"] = {"code": 3, "signal": None, "at_ns": ns(3), "ours": False}
    gone = simulate(failing)
    gone.manifest["target_exit"] = {**crashed.manifest["target_exit"], "log": "a.py | KeyError: 'B'"}
    runs = {"pass": simulate(passing), "fail": simulate(failing), "inconclusive": killed, "crash": crashed}
    runs["crash with losses"] = gone
    return {name: judged(run, tmp_path_factory.mktemp(name)) for name, run in runs.items()}


def test_writers_are_found_by_their_files_names() -> None:
    """Each writer is a module with a file's name and a function; there is no list."""
    assert {name: writers.find(name).FILE for name in writers.names()} == {
        "html": "report.html",
        "json": "report.json",
        "junit": "junit.xml",
        "markdown": "summary.md",
    }
    with pytest.raises(KeyError):
        writers.find("nothing")


def test_the_published_schema_is_the_models(results: dict[str, Result]) -> None:
    """report.schema.json is generated, and report.json of every verdict satisfies it and reads back as it was."""
    assert schema.path("report").read_text("utf-8") == schema.text("report")
    validator = jsonschema.Draft202012Validator(json.loads(schema.text("report")))
    for result in results.values():
        text = writers.find("json").render(result)
        validator.validate(json.loads(text))
        assert Result.model_validate_json(text) == result


def cases(result: Result) -> dict[str, str | None]:
    """JUnit's cases by name: failure, error or None."""
    suite = ET.fromstring(junit.render(result).split("\n", 1)[1])  # noqa: S314 - our own text
    found = {}
    for case in suite.iter("testcase"):
        kinds = [each.tag for each in case if each.tag in {"failure", "error"}]
        found[str(case.get("name"))] = kinds[0] if kinds else None
    counts = suite.find("testsuite")
    assert counts is not None
    assert counts.get("tests") == str(len(found))
    assert counts.get("failures") == str(list(found.values()).count("failure"))
    assert counts.get("errors") == str(list(found.values()).count("error"))
    return found


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("pass", {"lost_calls == 0": None, "run": None}),
        (
            "fail",
            {
                "lost_calls == 0": "failure",
                "time_to_fail_over <= 250ms": "failure",
                "switch_gap.p95 <= 1s": "error",
                "run": None,
            },
        ),
        ("inconclusive", {"lost_calls == 0": "error", "run": "error"}),
        ("crash", {"lost_calls == 0": None, "run": "failure"}),
        (
            "crash with losses",
            {
                "lost_calls == 0": "failure",
                "time_to_fail_over <= 250ms": "failure",
                "switch_gap.p95 <= 1s": "error",
                "run": "failure",
            },
        ),
    ],
)
def test_junit_blames_the_router_or_the_run(
    run: str, expected: dict[str, str | None], results: dict[str, Result]
) -> None:
    """A failure is the router's fault, an error is a run (or an expectation) that proves nothing."""
    assert cases(results[run]) == expected


def test_the_summary_says_verdict_expectations_and_command(results: dict[str, Result]) -> None:
    """The first line is the verdict; the table of expectations and the command follow."""
    text = markdown.render(results["fail"])
    assert text.startswith("## ❌ fail: Synthetic ban\n")
    assert "| ❌ broken | How many calls got no right answer in time? | 20 | none |  | broke first |" in text
    assert "**Fix first:** Leave anthropic sooner. 20 of 100 calls due while org\\_disabled lasted were lost" in text
    assert text.count("<details>") == text.count("</details>") == 3
    assert "<details>" in markdown.render(results["pass"])
    assert "`banstorm run synthetic --seed 7`" in text
    assert markdown.render(results["inconclusive"]).startswith("## ⚠️ inconclusive")
    assert "injector was killed by signal 9" in markdown.render(results["inconclusive"])


@pytest.mark.parametrize(
    ("run", "log"), [("crash", ""), ("crash with losses", "; its log ends with: a.py \\| KeyError: 'B'")]
)
def test_the_summary_names_a_target_that_ended_as_what_failed(run: str, log: str, results: dict[str, Result]) -> None:
    """However many limits broke with it, none of them is the cause; what its log ended with is told if it had one."""
    text = markdown.render(results[run])
    assert f"**What failed:** the target did not stay up: it exited with code 3{log}." in text
    assert "**Broke first:**" not in text
    assert "**Broke first:** How many calls" in markdown.render(results["fail"])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a | b", "a \\| b"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("[x](http://y) `z` @me #1", "\\[x\\](http://y) \\`z\\` \\@me \\#1"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_cell_of_the_summary_is_data(text: str, cell: str) -> None:
    """Nothing in a cell is acted on: no markup, link, mention, or new row."""
    assert markdown.cell(text) == cell


def huge(result: Result, words: str) -> Result:
    """The result with as much evidence, and as many reasons, as can be."""
    document: dict[str, Any] = result.model_dump(mode="json")
    call = document["worst"][0]
    call["attempts"] = [{**call["attempts"][0], "words": words}] * 20
    document["worst"] = [call] * 100
    document["reasons"] = [words] * 5000
    document["checks"] = [{**document["checks"][0], "ok": False, "found": words}] * 2000
    return Result.model_validate(document)


def test_pages_stay_within_their_limits(results: dict[str, Result]) -> None:
    """However much was said, report.html stays under 2 MB and summary.md under 1 MiB."""
    large = huge(results["fail"], "é<&" * 600)
    small = large.model_copy(update={"reasons": [], "checks": []})
    assert len(html.render(small).encode()) < html.BYTES_MAX
    assert len(markdown.render(large).encode()) < markdown.BYTES_MAX


def test_control_characters_do_not_break_junit(results: dict[str, Result]) -> None:
    """What XML can't hold is replaced, so that a CI server can read the file."""
    result = results["fail"].model_copy(update={"sentence": "a\x00b\x1b[31m]]>&\ud800"})
    text = junit.render(result)
    assert "a\ufffdb\ufffd[31m]]&gt;&amp;\ufffd" in text
    assert cases(result)["lost_calls == 0"] == "failure"


def test_the_page_is_one_file_that_names_nothing_outside(results: dict[str, Result]) -> None:
    """No address, no import, no source attribute; the policy allows no request at all."""
    text = html.render(results["pass"])
    head = text.split('<script type="application/json"', 1)[0]
    assert "default-src 'none'" in head
    for word in ("http:", "https:", "src=", "@import", "url("):
        assert word not in head, word
    assert "@@" not in text


def luminance(colour: str) -> float:
    """How light a colour such as `#1a2b3c` is, 0 to 1 (WCAG 2.2, relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        ("ink", ("page", "card", "well", "good-bg", "bad-bg", "warn-bg")),
        ("soft", ("page", "card", "well", "good-bg", "bad-bg", "warn-bg")),
        ("faint", ("page", "card")),
        ("good", ("card", "good-bg")),
        ("bad", ("card", "bad-bg", "well")),
        ("warn", ("card", "warn-bg")),
        ("accent", ("card", "page")),
        ("card", ("good", "bad", "warn", "ink")),
    ],
)
def test_text_stands_out_from_its_ground(text: str, grounds: tuple[str, ...], scheme: int) -> None:
    """Every colour of text has a contrast of at least 4.5 to what it stands on, light (0) and dark (1)."""
    style = resources.files(writers).joinpath("report.css").read_text("utf-8")
    tokens = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", style)
    colours = {name: (light, dark)[scheme] for name, light, dark in tokens}
    for ground in grounds:
        pair = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, ground)


def test_verdicts_of_the_runs(results: dict[str, Result]) -> None:
    """The runs of these tests are what their names say."""
    assert {name: each.verdict for name, each in results.items()} == {
        "pass": Verdict.PASS,
        "fail": Verdict.FAIL,
        "inconclusive": Verdict.INCONCLUSIVE,
        "crash": Verdict.FAIL,
        "crash with losses": Verdict.FAIL,
    }


def test_the_worst_calls_are_silent_first_and_of_every_kind(tmp_path: Path) -> None:
    """Three of each outcome before more of any; among them what looked like a success comes first."""
    ledger = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5))
    ledger.change("calls", lambda row: row["call"] in {300, 301}, outcome="truncated")
    ledger.change("calls", lambda row: row["call"] == 310, outcome="hung", terminated=False)
    worst = [(each.outcome, each.silent) for each in judged(ledger, tmp_path).worst]
    assert worst[:6] == [("truncated", True)] * 2 + [("hung", False)] + [("error", False)] * 3


def test_a_calls_curl_line_carries_its_mark_and_no_key(results: dict[str, Result], tmp_path: Path) -> None:
    """The line asks the same question again, as `banstorm.fakes` marks it, with the key in the environment."""
    from banstorm.fakes.answer import find_mark

    worst = results["fail"].worst[0]
    mark = find_mark(worst.curl)
    assert mark is not None
    assert (mark.run, mark.call, mark.shape.value, mark.words) == ("7f3a9c", worst.call, worst.shape, 20)
    assert '"authorization: Bearer $ROUTER_API_KEY"' in worst.curl
    assert worst.curl.startswith("curl -sS")
