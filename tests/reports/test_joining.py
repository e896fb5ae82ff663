"""What is joined without being held twice is what a plain join of whole tables gives, on runs of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from banstorm.reports import joining
from banstorm.reports.assemble import make_result
from banstorm.reports.detection import at_broken
from banstorm.reports.frames import Run, read_run
from banstorm.reports.history import NOWHERE, History
from banstorm.reports.memory import give_back
from hypothesis import given
from hypothesis import strategies as st
from synthetic import Ledger, Story, answer, simulate

NAMES = st.lists(st.text("0f-ß", max_size=3), max_size=30)


@given(values=st.lists(st.none() | st.text("0f-ß", max_size=3), max_size=30), among=NAMES, together=st.booleans())
def test_a_text_is_found_where_it_occurs_first(values: list[str | None], among: list[str], *, together: bool):
    """In one go or by their ends, with texts that are empty, repeat, or have no ASCII; null is nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "TOGETHER_MAX", 1000 if together else 0)
        kind = pd.StringDtype("pyarrow")
        found = joining.index_in(pd.Series(values, dtype=kind), pd.Series(among, dtype=kind))
    assert [among.index(each) if each in among else -1 for each in values] == found.tolist()


@pytest.mark.parametrize("places", [[], [3], [2, 3, 4], [0, 2], [0, 1, 2, 3, 4]])
def test_rows_at_places_are_those_rows(places: list[int]):
    """With a gap or without one, by their own index."""
    rows = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": pd.Categorical(list("xyxyx"))}, index=[9, 8, 7, 6, 5])
    pd.testing.assert_frame_equal(rows.iloc[places], joining.rows_at(rows, np.array(places, dtype=np.int64)))


def _strange() -> Ledger:
    """Callers who left, warm-up, background traffic, an answer stitched together, doubles, and what nobody knows."""
    made = simulate(Story(rate=40, duration_s=9.0, fail_over_s=0.4, detect_s=0.6, probe_every_s=0.7))
    for number, row in enumerate(made.tables["calls"]):
        if number % 37 == 0:
            row["outcome"] = "left"
        if number % 41 == 0:
            row["provider"] = "anthropic+openai"
    for row in made.tables["schedule"][:30]:
        row["phase"] = "warmup"
    first = made.tables["schedule"][100]["call"]
    answer(made.tables, first, 7, "openai", 4.1, 4.2)
    made.tables["invoices"].append({**made.tables["invoices"][5], "attempt": None})
    made.tables["invoices"].append({**made.tables["invoices"][6], "attempt": "nobody's"})
    made.tables["attempts"].append(dict(made.tables["attempts"][50]))
    background = [dict(row, call=None, attempt=f"b-{row['attempt']}") for row in made.tables["attempts"][200:203]]
    made.tables["attempts"] += background
    made.tables["invoices"] += [{**made.tables["invoices"][0], "attempt": row["attempt"]} for row in background]
    made.tables["calls"].pop(150)
    made.tables["attempts"].reverse()
    return made


RUNS = {
    "a ban": lambda: simulate(Story(fail_over_s=0.3, probe_every_s=0.5)),
    "never left": lambda: simulate(Story(fail_over_s=4.0, detect_s=4.0)),
    "strange": _strange,
}


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run's folder, read."""
    return read_run(RUNS[request.param]().write(tmp_path))


def _invoices(history: History) -> pd.DataFrame:
    """Every invoice beside its attempt, whole: what `billed` is to hold, by a plain join."""
    first = history.attempts.assign(answering=history.answering).drop_duplicates("attempt")
    calls = dict(zip(first["attempt"], first["call"].astype(object), strict=True))
    answered = dict(zip(first["attempt"], first["answering"], strict=True))
    found = history.run.invoices.astype({"attempt": object})
    due = dict(zip(history.calls["call"], history.due_ns, strict=True))
    due |= dict(zip(history.left["call"], history.left["scheduled_ns"], strict=True))
    call = [None if pd.isna(each) or pd.isna(calls.get(each)) else calls[each] for each in found["attempt"]]
    found["due_ns"] = [due.get(each) for each in call]
    found["measured"] = found["due_ns"].notna() | (pd.isna(pd.Series(call)) & (found["at_ns"] >= history.t0_ns))
    found["answering"] = [bool(answered.get(each)) for each in found["attempt"]]
    good = set(history.calls.loc[history.good, "call"])
    found["useful"] = [told and each in good for told, each in zip(found["answering"], call, strict=True)]
    return found


def test_billed_is_what_a_plain_join_gives(run: Run):
    """Which invoices are measured, when they count, for what they were, and whose they are."""
    history = History(run)
    billed, whole = history.billed, _invoices(history)
    whole = whole[whole["measured"]]
    assert whole.index.tolist() == billed.index.tolist()
    for name in ("provider", "model", "usd", "produced_tokens", "answering", "useful"):
        assert whole[name].tolist() == billed[name].tolist(), name
    assert whole["due_ns"].fillna(whole["at_ns"]).astype("int64").tolist() == billed["when_ns"].tolist()
    names = whole["attempt"].dropna().tolist()
    assert (names[:50], len(names)) == (list(history.named(billed).first), history.named(billed).total)
    known = billed["row"] >= 0
    assert whole.loc[known, "attempt"].tolist() == history.attempts["attempt"].iloc[billed["row"][known]].tolist()


def test_when_an_attempts_call_was_due(run: Run):
    """Also of callers who left; of what belongs to no call it is unknown."""
    history = History(run)
    due = dict(zip(history.calls["call"], history.due_ns, strict=True))
    due |= dict(zip(history.left["call"], history.left["scheduled_ns"], strict=True))
    found = history.due_of(np.arange(len(history.attempts)))
    wanted = [None if pd.isna(each) else due.get(int(each)) for each in history.attempts["call"]]
    assert wanted == [None if pd.isna(each) else int(each) for each in found]
    assert (history.attempts["place"] == NOWHERE).tolist() == found.isna().tolist()


def test_attempts_are_in_order_of_arrival_with_their_own_numbers(run: Run, tmp_path: Path):
    """As a sort of the whole table puts them; equals stay in the ledger's order."""
    arrived = run.attempts["received_ns"].sort_index()
    assert arrived.sort_values(kind="stable").index.tolist() == run.attempts.index.tolist()
    assert run.attempts["received_ns"].is_monotonic_increasing
    assert set(run.attempts.index) == set(range(len(run.attempts)))


def test_what_was_at_the_broken_provider(run: Run):
    """By a plain filter over the whole table."""
    history = History(run)
    (episode,) = history.episodes
    all_ = history.attempts
    inside = all_[(all_["provider"] == "anthropic") & all_["received_ns"].between(episode.t0_ns, episode.tc_ns - 1)]
    assert inside.index.tolist() == at_broken(history, episode).tolist()


def test_the_whole_result_is_the_same_however_names_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At once, or those together that end alike: every finding, row and page's number."""
    folder = _strange().write(tmp_path)
    whole = make_result(read_run(folder)).model_dump(mode="json")
    monkeypatch.setattr(joining, "TOGETHER_MAX", 0)
    assert whole == make_result(read_run(folder)).model_dump(mode="json")


def test_memory_is_given_back_where_the_system_has_a_way(monkeypatch: pytest.MonkeyPatch):
    """And where it has none nothing happens."""
    asked: list[int] = []
    monkeypatch.setattr("banstorm.reports.memory._trim", lambda: asked.append)
    give_back()
    assert [0] == asked
    monkeypatch.setattr("banstorm.reports.memory._trim", lambda: None)
    give_back()
