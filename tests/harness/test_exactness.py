"""Faults bite when they are declared and nowhere else, and a seed repeats every decision: found in real runs' ledgers.

Runs of the same scenario, two behind mitmproxy and one inline, with a router that asks the first provider each time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
import whole_run

pytestmark = [pytest.mark.lab, pytest.mark.alone]

EDGE_NS = 5_000_000
SCENARIO = """\
version: 1
title: Edges
story: Windows that open and close under load.
source: made for this test
seed: 23
providers:
  anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 5ms, tokens_per_second: 2000}
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 5ms, tokens_per_second: 2000}
load: {rate: 60/s, callers: {count: 30, zipf: 1}, warmup: 500ms, duration: 4s, answer: 8 tokens, deadline: 4s}
timeline:
  - {at: 1s, until: 1500ms, on: anthropic, fault: org_disabled}
  - {at: 2s, until: 4s, on: anthropic, fault: overloaded, every: 500ms, duty: 40%}
  - {at: 0s, until: 4s, on: openai, fault: rate_limited, share: 40%}
  - {at: 0s, until: 4s, on: openai, fault: slow_first_token, with: {delay: 1ms}, share: 50%, share_of: caller}
expect:
  lost_calls: <= 100%
"""
WHOLE = ("0:org_disabled", "1:overloaded")
SHARED = ("2:rate_limited", "3:slow_first_token")
SETTINGS = ("--set", "breaker.enabled=false")
RUNS = {"mitmproxy": (), "mitmproxy again": (), "inline": ("--inline",)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, dict[str, list[dict]]]:
    """The ledger's rows of each run, by table, and its report."""
    found = {}
    for name, options in RUNS.items():
        tmp_path = tmp_path_factory.mktemp(name.replace(" ", "-"))
        path = tmp_path / "edges.yaml"
        path.write_text(SCENARIO)
        done = whole_run.play(tmp_path, path, *options, *SETTINGS)
        folder = whole_run.folder(tmp_path)
        assert [] == json.loads((folder / "run.json").read_text())["own_failures"], done.stdout + done.stderr
        found[name] = whole_run.rows(folder) | {"report": json.loads(Path(folder / "report.json").read_text())}
    return found


def _windows(rows, entry):
    return [(row["declared_from_ns"], row["declared_until_ns"]) for row in rows["faults"] if row["entry"] == entry]


def _inside(windows, from_ns, until_ns, margin_ns):
    """Whether the whole stretch lies in one window, at least `margin_ns` from its edges."""
    return any(begin + margin_ns <= from_ns and until_ns <= end - margin_ns for begin, end in windows)


def _outside(windows, from_ns, until_ns, margin_ns):
    return all(until_ns < begin - margin_ns or from_ns >= end + margin_ns for begin, end in windows)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_inside_a_whole_window_is_spared_and_nothing_outside_is_bitten(runs, name):
    """By the instants at which requests came in, to the nanosecond: far within the 5 ms that are promised."""
    rows = runs[name]
    for entry in WHOLE:
        windows = _windows(rows, entry)
        for each in rows["attempts"]:
            if each["provider"] != "anthropic":
                continue
            at_ns = each["received_ns"]
            bitten = entry in (each["fault"] or "").split("+")
            assert bitten == any(begin <= at_ns < end for begin, end in windows)
            assert bitten == (entry in (each["matched"] or "").split("+"))


@pytest.mark.parametrize("name", RUNS)
def test_callers_find_the_edges_where_they_were_declared(runs, name):
    """By the callers' own clock: whatever left and came back between two edges was bitten, or was not, as declared.

    A call's whole stay, from the write of its request to its end, lies 5 ms or more from the edges here, so that the
    time which router and wire take says nothing about either side.
    """
    rows = runs[name]
    whole = [window for entry in WHOLE for window in _windows(rows, entry)]
    bitten_by_call: dict[int, list[bool]] = defaultdict(list)
    for each in rows["attempts"]:
        if each["call"] is not None and each["provider"] == "anthropic":
            bitten_by_call[each["call"]].append(each["fault"] is not None)
    inside = outside = 0
    for call in rows["calls"]:
        bitten = bitten_by_call[call["call"]]
        stay = (call["sent_ns"], call["ended_ns"], EDGE_NS)
        if _inside(whole, *stay):
            inside += 1
            assert all(bitten)
        elif _outside(whole, *stay):
            outside += 1
            assert not any(bitten)
    assert inside > 10
    assert outside > 50


def _decisions(rows):
    """What each shared entry decided, by provider, call, and the call's how-manieth attempt there."""
    counts: dict[tuple[str, int], int] = defaultdict(int)
    found = {}
    for each in sorted(rows["attempts"], key=lambda each: each["received_ns"]):
        if each["call"] is None:
            continue
        place = (each["provider"], each["call"])
        counts[place] += 1
        matched, fault = ((each[name] or "").split("+") for name in ("matched", "fault"))
        for entry in SHARED:
            if entry in matched:
                found[(entry, *place, counts[place])] = entry in fault
    return found


@pytest.mark.parametrize("other", ["mitmproxy again", "inline"])
def test_the_same_seed_decides_the_same(runs, other):
    """Each entry decides alike about the same attempt of the same call, in a run that repeats it and in either host."""
    one, two = _decisions(runs["mitmproxy"]), _decisions(runs[other])
    both = set(one) & set(two)
    assert len(both) > 60
    assert {True, False} == {one[each] for each in both}
    assert {each: one[each] for each in both} == {each: two[each] for each in both}


@pytest.mark.parametrize("name", RUNS)
def test_a_share_of_callers_is_one_of_callers(runs, name):
    """All calls of a caller fare alike, by the schedule that was written before the first call."""
    rows = runs[name]
    caller_of = {row["call"]: row["caller"] for row in rows["schedule"]}
    by_caller = defaultdict(set)
    for (entry, _, call, _), bitten in _decisions(rows).items():
        if entry == "3:slow_first_token":
            by_caller[caller_of[call]].add(bitten)
    assert {1} == {len(each) for each in by_caller.values()}


@pytest.mark.parametrize("name", RUNS)
def test_the_report_says_what_share_really_bit(runs, name):
    """Per entry, provider, path and phase, as the ledger has it."""
    rows = runs[name]
    coverage = {(each["entry"], each["path"]): each for each in rows["report"]["coverage"]}
    assert {"answer", "latency"} == {each["phase"] for each in coverage.values()}
    for entry, provider in (("0:org_disabled", "anthropic"), ("2:rate_limited", "openai")):
        theirs = [each for each in rows["attempts"] if each["provider"] == provider]
        matched = sum(entry in (each["matched"] or "").split("+") for each in theirs)
        bitten = sum(entry in (each["fault"] or "").split("+") for each in theirs)
        told = [each for (name_, _), each in coverage.items() if name_ == entry]
        assert (matched, bitten) == (sum(each["matched"] for each in told), sum(each["bites"] for each in told))
        assert matched > 0
