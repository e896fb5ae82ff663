"""Callers who leave in mid-stream, by the real load child."""

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.alone]


def _play(load_child, url, *timeline, **load):
    load = {"stream": "100%", "rate": "100/s", "duration": "400ms", "deadline": "2s"} | load
    child = load_child(url, load, timeline=timeline)
    return child.play(), child


def test_a_share_of_those_in_mid_stream_leaves(stub_router, load_child):
    """Half of the callers whose stream has begun leave at the event's moment; the others wait on, and hang."""
    calls, child = _play(
        load_child,
        stub_router({"*": "half_then_hang"}),
        {"at": "1500ms", "event": "disconnect_callers", "share": "50%"},
        give_up="4s",
    )
    left = [row for row in calls.values() if row["outcome"] == "left"]
    assert {"left", "hung"} == {row["outcome"] for row in calls.values()}
    (row,) = child.rows("faults")
    assert (40, 20) == (row["matched"], row["bites"])
    assert 20 == len(left)
    assert ("0:disconnect_callers", "the callers", 0.5) == (row["entry"], row["provider"], row["share"])
    assert row["armed_ns"] >= row["declared_from_ns"]
    assert all(each["ended_ns"] >= row["armed_ns"] for each in left)
    assert {"left"} == {each["error"] for each in left}
    assert ["armed", "bite", "disarmed"] == [
        each["event"] for each in child.events if each.get("entry") == "0:disconnect_callers"
    ]


def test_who_leaves_depends_on_the_seed_alone(stub_router, load_child, tmp_path):
    """The same calls leave in a run that repeats it."""
    event = {"at": "1500ms", "event": "disconnect_callers", "share": "30%"}
    seen = []
    for _ in range(2):
        calls, _ = _play(load_child, stub_router({"*": "half_then_hang"}), event, give_up="4s")
        seen.append({call for call, row in calls.items() if row["outcome"] == "left"})
        (tmp_path / "load.ndjson").unlink()
    assert seen[0] == seen[1]
    assert 12 == len(seen[0])


def test_whoever_waits_for_the_first_word_or_has_it_all_stays(stub_router, load_child):
    """Only who is in the middle of a stream can leave it."""
    calls, child = _play(
        load_child,
        stub_router({"1": "hang", "2": "good", "*": "good"}),
        {"at": "1s", "event": "disconnect_callers"},
        give_up="2s",
    )
    assert "left" not in {row["outcome"] for row in calls.values()}
    (row,) = child.rows("faults")
    assert (0, 0) == (row["matched"], row["bites"])
