"""A scorecard: what a cell takes from a run, the neutral words about a fail, notes by hand, and its pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from banstorm.reports import scorecard_html, scorecard_markdown
from banstorm.reports.errors import UnreadableRunError
from banstorm.reports.neutral import evidence
from banstorm.reports.result import Result
from banstorm.reports.scorecard import Cell, Column, Note, Row, Scorecard, Standing, lay_notes, read
from banstorm.reports.scorecard_repeat import repeated
from synthetic import Story, judged, ns, simulate

LONG = {"rate": 50, "duration_s": 8.0, "at_s": 2.0, "until_s": 4.0}
XSS = '"><script>alert(1)</script>|`'


def result(tmp_path: Path, name: str = "run", **story: object) -> Result:
    """The result of a simulated run."""
    told = {"expect": {"lost_calls": 0, "time_to_fail_over": "<= 250ms"}, **LONG, **story}
    return judged(simulate(Story(**told)), tmp_path / name)


def failed(tmp_path: Path) -> Result:
    """A run that lost the calls of 0.4 s."""
    return result(tmp_path, fail_over_s=0.4, detect_s=0.5)


def card(*cells: Cell) -> Scorecard:
    """A scorecard of these cells."""
    targets = dict.fromkeys(each.target for each in cells)
    scenarios = dict.fromkeys(each.scenario for each in cells)
    return Scorecard(
        targets=[Row(name=name, label=name, kind="program", detail=f"{name} 1.2") for name in targets],
        scenarios=[Column(name=name, title=name.title()) for name in scenarios],
        cells=list(cells),
        command="banstorm scorecard --tag ci",
        made="2026-01-31T12:00:00+00:00",
        machine={"processor": "a processor", "cores": 2, "memory_bytes": 2**33, "system": "Linux"},
    )


def test_a_fail_is_told_in_two_neutral_sentences(tmp_path: Path):
    """The first says what the callers lived through, the second what was wanted and found; a pass needs none."""
    told = evidence(failed(tmp_path))
    assert re.fullmatch(
        r"20 of the 100 calls due while org_disabled lasted on anthropic \(from 2 s to 4 s\) did not get the right "
        r"answer in time \(in the whole run 20 were lost: 20 error\)\. "
        r"Wanted and found: lost_calls none, found 20; time_to_fail_over at most 250ms, found \d+ms\.",
        told,
    ), told
    assert "" == evidence(result(tmp_path, "passing"))


def test_answers_that_were_wrong_without_a_word_are_named(tmp_path: Path):
    """A loss that looked like a success is told as one."""
    ledger = simulate(Story(**LONG, expect={"silent_losses": 0}))
    ledger.change("calls", lambda row: row["call"] in {300, 301}, outcome="truncated")
    told = evidence(judged(ledger, tmp_path / "silent"))
    assert "2 truncated, 2 of them as if they were right" in told


def test_a_target_that_ended_by_itself_is_told_so(tmp_path: Path):
    """A crash is no lost call: the first sentence says how it ended."""
    ledger = simulate(Story(**LONG, expect={"lost_calls": 0}))
    ledger.manifest["target_exit"] = {"code": 3, "signal": None, "at_ns": ns(3), "ours": False}
    told = evidence(judged(ledger, tmp_path / "gone"))
    assert "ended during the run: it exited with code 3. " in told
    assert "The scenario expects the router to stay up." in told


def test_a_cell_holds_what_its_run_has_shown(tmp_path: Path):
    """The verdict, what broke, the measures behind it and the command that repeats it."""
    cell = Cell(target="a", scenario="b")
    found = failed(tmp_path)
    cell.judged(found)
    assert Standing.FAIL is cell.standing
    assert "lost_calls == 0: 20" == cell.broken[0]
    assert "20" == cell.measures["lost_calls"]
    assert {"silent_losses", "time_to_recover", "retry_amplification", "cost_increase"} <= set(cell.measures)
    assert found.run.command == cell.command


def test_of_several_episodes_a_cell_shows_the_worst(tmp_path: Path):
    """A time whose end was not seen is worse than any that has one, and amplification is that of an episode."""
    run = result(tmp_path, fail_over_s=0.4, detect_s=0.5, expect={"lost_calls": "<= 100"})

    def shown(key: str, *values: tuple[str, float | None, str, bool]) -> str | None:
        """What a cell shows of a measure with these values in their scopes."""
        finding = next(each for each in run.findings if each.key == key)
        given = [
            finding.values[0].model_copy(
                update={"scope": scope, "value": value, "text": text, "censored": unseen, "applies": True}
            )
            for scope, value, text, unseen in values
        ]
        cell = Cell(target="a", scenario="b")
        cell.judged(run.model_copy(update={"findings": [finding.model_copy(update={"values": given})]}))
        return cell.measures.get(key)

    short, never, none = ("one", 0.8, "800ms", False), ("two", 0.5, "≥ 500ms", True), ("three", None, "–", False)
    assert "≥ 500ms" == shown("time_to_fail_over", short, never, none)
    assert "800ms" == shown("time_to_fail_over", none, short)
    assert "–" == shown("time_to_fail_over", none)
    whole, inside = ("run", 1.01, "1.01", False), ("one", 3.0, "3", False)
    assert "3" == shown("retry_amplification", whole, inside, ("two", 1.5, "1.5", False))
    assert "1.01" == shown("retry_amplification", whole)
    assert "7" == shown("silent_losses", ("run", 7.0, "7", False), ("one", 9.0, "9", False))


def test_it_is_read_as_it_was_saved(tmp_path: Path):
    """The file is the scorecard; one of another format, or none, is refused in words."""
    whole = card(Cell(target="a", scenario="b", standing=Standing.PASS, measures={"lost_calls": "0"}))
    whole.save(tmp_path)
    assert whole == read(tmp_path)
    (tmp_path / "scorecard.json").write_text('{"format": 9}')
    with pytest.raises(UnreadableRunError, match="format 9"):
        read(tmp_path)
    (tmp_path / "scorecard.json").write_text("[]")
    with pytest.raises(UnreadableRunError, match="no scorecard"):
        read(tmp_path)
    with pytest.raises(UnreadableRunError, match="there is no scorecard"):
        read(tmp_path / "nowhere")


def test_notes_by_hand_are_laid_over_the_cells(tmp_path: Path):
    """With or without their date; a cell whose note was taken out has none; strangers are named."""
    told = card(Cell(target="a", scenario="b"), Cell(target="a", scenario="c"))
    (tmp_path / "notes.yaml").write_text(
        "a:\n  b: {note: Seen with curl as well., checked: 2026-01-31}\n  c: A text alone.\nz:\n  b: Nobody.\n"
    )
    assert ["z × b"] == lay_notes(told, tmp_path)
    first, second = (each.note for each in told.cells)
    assert first is not None
    assert ("Seen with curl as well.", "2026-01-31") == (first.note, str(first.checked))
    assert second is not None
    assert ("A text alone.", None) == (second.note, second.checked)
    (tmp_path / "notes.yaml").write_text("# nothing yet\n")
    assert [] == lay_notes(told, tmp_path)
    assert [None, None] == [each.note for each in told.cells]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "can't be read"),
        ("- a", "not keyed by target"),
        ("a: b", "not keyed by target"),
        ("a: {b: {text: x}}", "a.b"),
        ("a: {b: {note: x, checked: soon}}", "a.b"),
    ],
)
def test_notes_that_can_not_be_understood_say_where(tmp_path: Path, text: str, told: str):
    """Never a traceback."""
    (tmp_path / "notes.yaml").write_text(text)
    with pytest.raises(UnreadableRunError, match=told):
        lay_notes(card(Cell(target="a", scenario="b")), tmp_path)


def pages(whole: Scorecard, links: dict[str, str] | None = None) -> tuple[str, str]:
    """Markdown and HTML."""
    return scorecard_markdown.render(whole, links or {}), scorecard_html.render(whole, links or {})


def every_standing(tmp_path: Path) -> Scorecard:
    """A cell of each kind."""
    fail = Cell(target="one", scenario="a", run="20260131-a")
    fail.judged(failed(tmp_path))
    return card(
        fail,
        Cell(target="one", scenario="b", standing=Standing.INCONCLUSIVE, reasons=["the generator was late"]),
        Cell(target="two", scenario="a", standing=Standing.UNAVAILABLE, reasons=["npm is not installed"]),
        Cell(target="two", scenario="b", standing=Standing.UNSUITABLE, reasons=["it has no such dialect"]),
        Cell(target="six", scenario="a", standing=Standing.PASS, dialect="openai", measures={"lost_calls": "0"}),
    )


def test_both_pages_say_what_stands_behind_each_cell(tmp_path: Path):
    """Verdicts, evidence, reasons, measures, dialect, machine, command; and a link where the report is there."""
    whole = every_standing(tmp_path)
    markdown, html = pages(whole, {"20260131-a": "runs/20260131-a/report.html"})
    for text in (markdown, html):
        assert "3 targets × 2 scenarios: 1 pass, 1 fail, 1 inconclusive, 1 unavailable, 1 unsuitable, 1 pending" in text
        for said in ("20 of the 100 calls due", "generator was late", "npm is not installed", "a processor, 2 cores"):
            assert said in text, said
        assert "runs/20260131-a/report.html" in text
        assert "banstorm scorecard --tag ci" in text
        assert "openai" in text
    assert "[❌ fail](runs/20260131-a/report.html)" in markdown
    assert "✅ pass¹" in markdown
    assert "runs/" not in "".join(pages(whole))


def test_a_cell_that_failed_tells_what_was_lost_and_what_broke_besides():
    """A router that lost nothing and one that lost everybody must not look the same in a table."""
    measures = {"lost_calls": "0", "retry_amplification": "2"}
    asks = Cell(
        target="one",
        scenario="a",
        standing=Standing.FAIL,
        broken=["retry_amplification <= 1.2: 2"],
        measures=measures,
    )
    loses = Cell(target="one", scenario="b", standing=Standing.FAIL, broken=["lost_calls == 0: 87"])
    loses.measures = {"lost_calls": "87"}
    matrix = scorecard_markdown.matrix(card(asks, loses), {})
    assert "❌ fail<br>0 lost, amplification 2 |" in matrix
    assert "❌ fail<br>87 lost |" in matrix


def test_what_was_found_of_a_cell_that_came_out_otherwise_stands_with_the_repetition():
    """Also of one that passed, which no list of fails would show."""
    first = card(*(Cell(target="one", scenario=name, standing=Standing.PASS) for name in "ab"))
    second = card(*(Cell(target="one", scenario=name, standing=Standing.FAIL) for name in "ab"))
    first.cell("one", "a").note = Note(note="It depends on the seed.")
    first.repeat = repeated(first, second)
    markdown, _ = pages(first)
    assert "**one, a.** It depends on the seed." in markdown.partition("## Repeated")[2]


def test_the_page_needs_nothing_and_acts_on_nothing_that_was_said():
    """No script, no address but its own; what a target says is text."""
    cell = Cell(target=XSS, scenario=XSS, standing=Standing.FAIL, evidence=XSS, reasons=[XSS], command=XSS)
    whole = card(cell)
    markdown, html = pages(whole, {})
    assert "<script" not in html
    assert "<script" not in re.sub(r"`[^`].*`", "", markdown.replace("``", "`"))
    assert "default-src 'none'" in html
    assert not re.search(r'(?:src|href)="(?!#)', html)


def test_every_link_of_the_table_has_its_place(tmp_path: Path):
    """A cell of the table leads to what stands behind it."""
    _, html = pages(every_standing(tmp_path))
    wanted = set(re.findall(r'href="#([^"]+)"', html))
    assert 7 == len(wanted)
    assert wanted <= set(re.findall(r'id="([^"]+)"', html))


def test_a_repetition_says_which_cells_came_out_otherwise():
    """Only cells that both have judged agree or differ; what broke is told of the one that failed."""
    names = {"a": Standing.PASS, "b": Standing.FAIL, "c": Standing.PASS, "d": Standing.INCONCLUSIVE, "e": Standing.PASS}
    first = card(*(Cell(target="one", scenario=name, standing=told) for name, told in names.items()))
    told = {"a": Standing.PASS, "b": Standing.FAIL, "c": Standing.FAIL, "d": Standing.PASS}
    second = card(*(Cell(target="one", scenario=name, standing=each) for name, each in told.items()))
    second.cell("one", "c").broken = ["lost_calls == 0: 3"]
    second.seed = 9
    first.repeat = repeated(first, second)
    assert (3, 2, 2) == (first.repeat.cells, first.repeat.same, first.repeat.untold)
    ((difference),) = first.repeat.differences
    assert ("c", "pass", "fail", "lost_calls == 0: 3") == (
        difference.scenario,
        difference.here.value,
        difference.there.value,
        difference.broken,
    )
    for page in pages(first):
        assert "Repeated with seed 9: 2 of 3 cells came out the same; 2 more could not be judged" in page
        assert "lost" in page.partition("Repeated with seed 9")[2]
