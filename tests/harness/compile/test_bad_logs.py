"""Whatever is given as a log: a scenario or three lines, never a traceback, and nothing of the log's texts."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from banstorm.harness import cli
from banstorm.harness.compile import events, har, table
from disk import little_room
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HEADER = "time,provider,status,latency_ms\n"
GOOD = HEADER + "".join(f"{at_s},openai,{429 if 40 <= at_s < 60 else 200},300\n" for at_s in range(100))


def run(capsys, monkeypatch, *words: str | Path) -> tuple[int, str, str]:
    """The command's exit code and what it printed."""
    monkeypatch.setattr("sys.argv", ["banstorm", "compile", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    code = ended.value.code
    return int(code or 0), out, err


BAD = {
    "empty.csv": ("", "the file is empty"),
    "blank.csv": ("\n\n", "no column tells the time"),
    "header.csv": (HEADER, "no usable call in a CSV log"),
    "headless.csv": ("1,openai,200,5\n2,openai,200,5\n", "no column tells the time; its first line must name"),
    "columns.csv": ("when,who,what\n1,2,3\n", "no column tells the time; its columns: when, who, what"),
    "quotes.csv": (HEADER + '1,openai,200,"' + "x" * 200_000, "no valid CSV"),
    "once.csv": (HEADER + "5,openai,200,1\n5,openai,200,1\n", "all calls of the log began at the same moment"),
    "mixed.csv": (HEADER + "2026-01-01 00:00:00,openai,200,1\n5,openai,200,1\n", "the log mixes times as numbers and"),
    "dates.csv": (HEADER + "28.10.2026 12:00,openai,200,1\n" * 9, "the times of 9 rows can't be read; write them as"),
    "garbage.har": ("this is no HAR", "no valid JSON"),
    "cut.har": ('{"log": {"entries": [{"startedDateTime": "2026', "the JSON ends too early"),
    "other.har": ('{"rows": []}', "this is no HAR: it has no list log.entries"),
    "none.har": ('{"log": {"entries": []}}', "no usable call in a HAR"),
    "odd.har": ('{"log": {"entries": [1, null, {}, {"request": 3}]}}', "4 entries lack a time"),
    "page.har": (
        json.dumps({"log": {"entries": [{
            "startedDateTime": "2026-01-01T00:00:00Z", "time": 1,
            "request": {"url": "https://example.com/style.css"}, "response": {"status": 200},
        }]}}),
        "1 requests are no calls of an LLM",
    ),
    "object.json": ('{"time": 1}', "no usable call in an NDJSON log|no column tells"),
    "list.json": ("[1, 2, 3]", "no object in a JSON list"),
    "deep.json": ("[" * 100_000, "no UTF-8 JSON"),
    "lines.ndjson": ("not json\nnor this\n", "no object in an NDJSON log"),
    "garbage.flows": ("this is no flow file", "this is no mitmproxy flow file"),
    "har.flows": ('{"log": {"entries": []}}', "this is no mitmproxy flow file"),
    "huge.flows": ("999999999999:x", "this is no mitmproxy flow file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_log_is_three_lines_and_exit_code_two(name, tmp_path, capsys, monkeypatch):
    """What, where, what next; nothing is printed that could be taken for a scenario."""
    text, what = BAD[name]
    path = tmp_path / name
    path.write_text(text)
    code, out, err = run(capsys, monkeypatch, path)
    assert (2, "") == (code, out)
    assert 3 == len(err.splitlines()), err
    assert any(each in err for each in what.split("|")), err
    assert str(path) in err.splitlines()[1] or "once" in name


OPTIONS = [
    (["--format", "har"], "no valid JSON"),
    (["--compress", "60"], "expected a factor"),
    (["--fit", "30"], "expected a duration"),
    (["--fit", "10ms"], "can't be fitted into less than 1s"),
    (["--fit", "30s", "--compress", "2x"], "say the same thing"),
    (["--rate", "fast"], "expected a rate"),
    (["--columns", "status=statsu"], "there is no column 'statsu' for status"),
    (["--title", "two\nlines"], "no title"),
    (["--title", "x" * 121], "no title"),
    (["--fit", "100h"], ""),
]


@pytest.mark.parametrize(("options", "what"), OPTIONS, ids=lambda each: str(each)[:30])
def test_an_option_that_makes_no_sense_is_three_lines(options, what, tmp_path, capsys, monkeypatch):
    """A fit that is longer than the log is none: a log is never stretched."""
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    code, _, err = run(capsys, monkeypatch, path, *options)
    assert (2 if what else 0) == code
    if what:
        assert what in err
        assert 3 == len(err.splitlines())


def test_a_column_that_isnt_there_is_told_with_the_nearest_that_is(tmp_path, capsys, monkeypatch):
    """A slip of the pen is mended at once."""
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    _, _, err = run(capsys, monkeypatch, path, "--columns", "status=statsu")
    assert "next:  did you mean 'status'?" in err


def test_a_log_in_utf_16_is_told_as_such(tmp_path, capsys, monkeypatch):
    """PowerShell and spreadsheets write it; its columns would otherwise not be found, or none of its rows be used."""
    path = tmp_path / "log.csv"
    path.write_text(GOOD, "utf-16")
    code, out, err = run(capsys, monkeypatch, path)
    assert (2, "") == (code, out)
    assert err.startswith("error: the file is UTF-16, not UTF-8\n")


def test_a_log_that_is_compressed_is_told_as_such(tmp_path, capsys, monkeypatch):
    """Logs that were put away are."""
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    code, out, err = run(capsys, monkeypatch, path)
    assert (2, "") == (code, out)
    assert err.startswith("error: the file is compressed\n")


@pytest.mark.parametrize("path", ["missing.csv", ".", "missing/log.har"])
def test_a_file_that_isnt_there_is_three_lines(path, tmp_path, capsys, monkeypatch):
    """A folder that is no run's is none either."""
    code, _, err = run(capsys, monkeypatch, tmp_path / path)
    assert 2 == code
    assert 3 == len(err.splitlines())


def test_a_log_that_is_too_large_is_refused_before_it_is_read(tmp_path, capsys, monkeypatch):
    """A file of terabytes (a sparse one here) costs nothing."""
    for name, most in (("log.csv", table.BYTES_MAX), ("log.ndjson", table.BYTES_MAX), ("log.flows", 2 * 1024**3)):
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(most + 1)
        code, _, err = run(capsys, monkeypatch, path)
        assert 2 == code
        assert "GiB" in err


def test_a_document_that_is_too_large_is_refused(tmp_path, capsys, monkeypatch):
    """A HAR and a JSON list are read whole, so their limit is lower."""
    monkeypatch.setattr(har, "BYTES_MAX", 100)
    path = tmp_path / "log.har"
    path.write_text(json.dumps({"log": {"entries": [{}] * 100}}))
    code, _, err = run(capsys, monkeypatch, path)
    assert 2 == code
    assert "too large for a HAR" in err


def test_a_log_of_too_many_calls_or_providers_is_refused(tmp_path, capsys, monkeypatch):
    """Everything has a bound."""
    monkeypatch.setattr(events, "ROWS_MAX", 50)
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    assert "more than 50 calls" in run(capsys, monkeypatch, path)[2]
    monkeypatch.setattr(events, "ROWS_MAX", 5000)
    path.write_text(HEADER + "".join(f"{number},p{number},200,1\n" for number in range(100)))
    assert "more than 32 providers" in run(capsys, monkeypatch, path)[2]


def test_a_line_without_end_is_refused(tmp_path, capsys, monkeypatch):
    """It would be read whole into memory."""
    monkeypatch.setattr(table, "LINE_CHARS_MAX", 1000)
    path = tmp_path / "log.ndjson"
    path.write_text(json.dumps({"time": 1, "provider": "openai", "status": 200}) + "\n" + "x" * 5000)
    assert "a line is longer" in run(capsys, monkeypatch, path)[2]


def test_half_a_scenario_is_not_left(tmp_path, capsys, monkeypatch):
    """On a full disk it says so, and the next try finds its way free; a name with a space can be pasted."""
    path, out = tmp_path / "log.csv", tmp_path / "a scenario.yaml"
    path.write_text(GOOD)
    with little_room(100):
        code, _, err = run(capsys, monkeypatch, path, "--out", out)
    assert 2 == code
    assert "the scenario can't be written: file too large" in err
    assert not out.exists()
    code, told, _ = run(capsys, monkeypatch, path, "--out", out)
    assert 0 == code
    assert told.endswith(f"banstorm run '{out}'\n")


def test_a_scenario_that_nobody_takes_is_three_lines(tmp_path):
    """Where the standard output is a file on a full disk."""
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    words = [sys.executable, "-P", "-m", "banstorm.harness.cli", "compile", str(path)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert 2 == ended.returncode
    assert ended.stderr.startswith("error: the scenario can't be written: no space left on device\nwhere: the standard")
    assert 3 == len(ended.stderr.splitlines())


def test_a_scenario_that_is_there_is_not_overwritten(tmp_path, capsys, monkeypatch):
    """It may have been edited."""
    path, out = tmp_path / "log.csv", tmp_path / "scenario.yaml"
    path.write_text(GOOD)
    assert 0 == run(capsys, monkeypatch, path, "--out", out)[0]
    before = out.read_text()
    code, _, err = run(capsys, monkeypatch, path, "--out", out)
    assert 2 == code
    assert "the file is there already" in err
    assert before == out.read_text()


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.one_of(st.binary(min_size=1, max_size=300), st.text(min_size=1).map(lambda text: text.encode())),
    suffix=st.sampled_from([".csv", ".har", ".json", ".ndjson", ".flows", ".log"]),
)
def test_any_bytes_are_a_log_or_three_lines(data, suffix, tmp_path, capsys, monkeypatch):
    """Never a traceback, never an error of banstorm's own."""
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data)
    code, _, err = run(capsys, monkeypatch, path)
    assert 2 == code, err
    assert 3 == len(err.splitlines()), err


def test_a_flow_file_without_mitmproxy_is_three_lines(tmp_path, capsys, monkeypatch):
    """The base install reads every other format, and says what this one needs."""
    monkeypatch.setitem(sys.modules, "mitmproxy", None)
    path = tmp_path / "log.flows"
    path.write_bytes(b"3:abc,")
    code, _, err = run(capsys, monkeypatch, path)
    assert 2 == code
    assert "install banstorm[lab]" in err
    assert 3 == len(err.splitlines())


def test_a_table_is_compiled_without_any_heavy_package(tmp_path):
    """What reads flow files is imported for them alone."""
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    code = (
        "import sys; from pathlib import Path; from banstorm.harness import command_compile as it;"
        "nothing = dict.fromkeys(('form', 'compress', 'fit', 'rate', 'title', 'out'));"
        "it.play(file=Path(sys.argv[1]), columns='', **nothing);"
        "sys.exit(len({'mitmproxy', 'pandas', 'locust', 'gevent'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    assert "fault: rate_limited" in done.stdout
