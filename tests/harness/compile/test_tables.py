"""CSV, JSON and NDJSON: columns by name, times and latencies in every form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from banstorm.harness.compile.columns import choose, parse_columns
from banstorm.harness.compile.read import read
from banstorm.harness.compile.times import NoMomentError, parse_moment, unit_named
from banstorm.harness.errors import HarnessError

NOON = 1_793_188_800.0


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("2026-10-28T12:00:00Z", "zoned"),
        ("2026-10-28T14:00:00+02:00", "zoned"),
        ("2026-10-28 12:00:00 UTC", "zoned"),
        ("28/Oct/2026:14:00:00 +0200", "zoned"),
        ("[28/Oct/2026:12:00:00 +0000]", "zoned"),
        ("2026-10-28 12:00:00", "naive"),
        ("2026-10-28 12:00:00,000", "naive"),
        ("1793188800", "epoch"),
        ("1793188800.0", "epoch"),
        ("1793188800000", "epoch"),
        ("1793188800000000", "epoch"),
        ("1793188800000000000", "epoch"),
    ],
)
def test_a_moment_is_understood_in_every_form(text, way):
    """ISO 8601 with and without a zone, and an epoch in any unit, are the same moment."""
    assert (NOON, way) == parse_moment(text)


@pytest.mark.parametrize("text", ["", "noon", "nan", "-5", "inf", "2026-13-45T00:00:00", "99/Oct/2026:1"])
def test_what_is_no_moment_is_refused_without_being_shown(text):
    """The message never repeats the text."""
    with pytest.raises(NoMomentError) as refused:
        parse_moment(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("latency_ms", 1e-3),
        ("duration (s)", 1.0),
        ("tookNs", 1e-9),
        ("durationMs", 1e-3),
        ("elapsed_seconds", 1.0),
        ("latency", None),
        ("status", None),
        ("requests", None),
    ],
)
def test_a_columns_name_tells_its_unit(column, unit):
    """Only a unit of its own counts, not any word that ends in s."""
    assert unit == unit_named(column)


def _events(tmp_path: Path, text: str, name: str = "log.csv", **columns: str):
    path = tmp_path / name
    path.write_text(text)
    return read(path, None, columns)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_csv_of_any_separator_is_read(tmp_path, sign):
    """Spreadsheets of half of Europe write semicolons."""
    rows = [("ts", "vendor", "http_status", "latency_ms"), ("5", "openai", "200", "250"), ("6", "openai", "429", "8")]
    log = _events(tmp_path, "\n".join(sign.join(row) for row in rows))
    assert [("", 0.25), ("rate_limited", 0.008)] == [(each.kind, each.latency_s) for each in log.events]


def test_a_json_list_and_an_ndjson_log_say_the_same_as_a_csv(tmp_path):
    """The format changes nothing."""
    rows = [{"time": at_s, "provider": "anthropic", "status": 529 - 329 * (at_s % 2), "took_s": 1} for at_s in range(9)]
    as_list = _events(tmp_path, json.dumps(rows), "log.json")
    as_lines = _events(tmp_path, "\n".join(map(json.dumps, rows)), "log.ndjson")
    text = "time,provider,status,took_s\n" + "\n".join(",".join(map(str, each.values())) for each in rows)
    assert as_list.events == as_lines.events == _events(tmp_path, text).events


def test_columns_are_those_of_all_first_rows(tmp_path):
    """A log may begin with a line about something else, and with calls that have no error to tell."""
    calls = [{"time": at_s, "provider": "openai", "status": 200} for at_s in range(9)]
    broke = {"time": 9, "provider": "openai", "status": 429, "error": "insufficient_quota: you exceeded your quota"}
    rows = [{"time": 0, "msg": "server started"}, *calls, broke]
    for name, text in (("log.ndjson", "\n".join(map(json.dumps, rows))), ("log.json", json.dumps(rows))):
        log = _events(tmp_path, text, name)
        assert (10, "quota_exhausted") == (len(log.events), log.events[-1].kind)
        assert ["1 rows lack a time, a provider or a status, and were left out"] == log.notes


def test_a_decimal_comma_is_understood(tmp_path):
    """Where semicolons part the columns, commas stand in the numbers."""
    text = "time;provider;status;latency\n1;openai;200;0,25\n2;openai;200;1,234s\n3;openai;200;250.5 ms\n"
    assert [0.25, 1.234, 0.2505] == [each.latency_s for each in _events(tmp_path, text).events]
    text = 'time,provider,status,latency_ms\n1,openai,200,"1,234"\n'
    assert [None] == [each.latency_s for each in _events(tmp_path, text).events], "thousands, or thousandths"


def test_columns_are_chosen_by_the_user_first(tmp_path):
    """Also inside of objects."""
    rows = [{"req": {"t": at_s}, "time": 9, "host": "api.openai.com", "code": 200} for at_s in range(3)]
    log = _events(tmp_path, "\n".join(map(json.dumps, rows)), "log.jsonl", time="req.t")
    assert [(0, "openai"), (1, "openai"), (2, "openai")] == [(each.at_s, each.provider) for each in log.events]


@pytest.mark.parametrize(
    ("columns", "field", "column"),
    [
        (["timestamp", "provider", "status"], "time", "timestamp"),
        (["started_at", "vendor", "status_code"], "time", "started_at"),
        (["@timestamp", "upstream", "responseCode"], "provider", "upstream"),
        (["ts", "custom_llm_provider", "Status Code"], "status", "Status Code"),
        (["time", "model", "status"], "provider", "model"),
        (["time", "provider", "status", "Duration (ms)"], "latency", "Duration (ms)"),
        (["end_time", "provider", "status", "latency_ms"], "end", "end_time"),
    ],
)
def test_columns_are_found_by_the_names_that_logs_use(columns, field, column):
    """Signs, capitals and units don't matter."""
    assert column == choose(columns, {}, "log")[field]


def test_an_end_and_a_latency_tell_the_beginning(tmp_path):
    """Access logs write a line when a request is over."""
    log = _events(tmp_path, "end,provider,status,latency_s\n100,openai,200,2.5\n101,openai,200,0.5\n")
    assert [97.5, 100.5] == [each.at_s for each in log.events]


@pytest.mark.parametrize("name", ["null", "true", "no", "on", "nan"])
def test_a_provider_may_be_called_anything(tmp_path, compiled, name):
    """A name that YAML would take for something else stands in quotes."""
    path = tmp_path / "log.csv"
    path.write_text("time,provider,status\n" + "".join(f"{at},{name},{500 - 300 * (at < 20)}\n" for at in range(60)))
    scenario = compiled(path)
    assert [name] == list(scenario.providers)
    assert [[name]] == [each.on for each in scenario.timeline]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("200", ""),
        ("ok", ""),
        ("HTTP 503", "overloaded"),
        ("200 OK", ""),
        ("HTTP/1.1 200 OK", ""),
        ("HTTP/2 429", "rate_limited"),
        ("429 Too Many Requests", "rate_limited"),
        ("503: Service Unavailable", "overloaded"),
        ("2xx", ""),
        ("5xx", "server_error"),
        ("429.0", "rate_limited"),
        ("error", "server_error"),
        ("timeout", "no_answer"),
        ("", "no_answer"),
        ("ECONNRESET", "connection_reset"),
        ("connection refused", "connection_refused"),
    ],
)
def test_a_status_may_be_a_word(tmp_path, status, kind):
    """Logs of clients have words where no response came."""
    log = _events(tmp_path, f"time,provider,status\n1,openai,{status}\n")
    assert [kind] == [each.kind for each in log.events]


def test_rows_out_of_order_are_sorted_and_told(tmp_path):
    """Several log files put together are one log."""
    log = _events(tmp_path, "time,provider,status\n5,openai,200\n1,openai,200\n3,openai,200\n")
    assert [1, 3, 5] == [each.at_s for each in log.events]
    assert ["1 of 3 rows were out of order and have been sorted by time"] == log.notes


def test_a_time_that_is_far_from_all_others_is_told(tmp_path):
    """One row of 1970 would make an hour of trouble a moment of the scenario."""
    rows = "".join(f"{1793188800 + at_s},openai,200\n" for at_s in range(9))
    log = _events(tmp_path, "time,provider,status\n0,openai,200\n" + rows)
    assert ["1 calls, then none for 498,108 h, then 9 calls"] == [each.partition(":")[0] for each in log.notes]
    assert [] == _events(tmp_path, "time,provider,status\n" + rows).notes


def test_a_clock_that_was_changed_is_told(tmp_path):
    """Times without a zone that go back by an hour may be the end of summer time."""
    text = "time,provider,status\n2026-10-25 02:59:00,openai,200\n2026-10-25 02:00:00,openai,200\n"
    assert any("go back by an hour at row 3" in note for note in _events(tmp_path, text).notes)


def test_times_with_and_without_a_zone_are_not_ordered(tmp_path):
    """Nobody knows which came first."""
    text = "time,provider,status\n2026-10-25 02:59:00,openai,200\n2026-10-25T02:00:00Z,openai,200\n"
    with pytest.raises(HarnessError, match="with a zone and without a zone"):
        _events(tmp_path, text)


def test_latencies_that_can_be_no_seconds_are_milliseconds(tmp_path):
    """A column that names no unit is judged by its size, and it is said."""
    log = _events(tmp_path, "time,provider,status,latency\n1,openai,200,850\n2,openai,200,950\n")
    assert [0.85, 0.95] == [each.latency_s for each in log.events]
    assert any("milliseconds" in note for note in log.notes)


def test_rows_that_are_no_calls_are_counted_and_left_out(tmp_path):
    """A log of a real system has such lines."""
    log = _events(tmp_path, "time,provider,status\n1,openai,200\nsoon,openai,200\n2,,200\n3,openai,999\n")
    assert 1 == len(log.events)
    assert [
        "3 rows lack a time, a provider or a status, and were left out",
        "the times of 1 rows can't be read; write them as 2026-11-20T12:00:00Z, or a number",
    ] == log.notes


def test_providers_are_called_what_the_log_calls_them_or_by_their_vendor(tmp_path):
    """A host becomes its vendor, a name stays, and what looks like no name is not shown."""
    labels = ["claude-prod", "api.openai.com", "https://api.openai.com/v1/responses", "sk-proj-abcdefgh12345678abcd"]
    log = _events(tmp_path, "time,provider,status\n" + "\n".join(f"{n},{each},200" for n, each in enumerate(labels)))
    assert ["claude-prod", "openai", "openai", "openai_2"] == [each.provider for each in log.events]
    assert ["anthropic", "openai", "openai", "openai"] == [each.dialect for each in log.events]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("time", "no column: 'time'"),
        ("when=ts", "a call has no 'when'"),
        ("time=a,time=b", "'time' stands twice"),
    ],
)
def test_a_mapping_of_columns_is_checked(text, what):
    """Three lines say what is wrong."""
    with pytest.raises(HarnessError, match=what):
        parse_columns(text)
