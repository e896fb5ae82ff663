"""Locust's three traps: heavy imports, a closed loop, and a clock that starts after the wait."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.alone]


def test_only_the_load_child_imports_locust():
    """Importing Locust patches sockets, so no other module of the harness does, nor do the load's pure parts."""
    program = (
        "import sys; import banstorm.harness.cli, banstorm.harness.run, banstorm.harness.plan, banstorm.reports;"
        "from banstorm.harness.load import schedule, outcome, openai_chat, call, tally;"
        "print([name for name in ('locust', 'gevent', 'geventhttpclient') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_load_child_never_loads_pandas_or_pyarrow(stub_router, load_child):
    """Neither when it is ready nor after a whole run with both clients; the child looks at its own sys.modules."""
    child = load_child(stub_router(), {"clients": {"http": 1, "openai_sdk": 1}})
    child.play()
    said = {each["event"]: each for each in child.events}
    assert said["ready"]["heavy"] == []
    assert said["bye"]["heavy"] == []


def test_the_look_at_sys_modules_would_see_them(stub_router, load_child):
    """The test above can fail: a child that did load pandas says so."""
    program = "import sys, types; sys.modules['pandas'] = types.ModuleType('pandas');"
    program += "from banstorm.harness.load.__main__ import main; sys.exit(main())"
    child = load_child(stub_router(), command=[sys.executable, "-P", "-c", program])
    assert child.until("ready")["heavy"] == ["pandas"]


def test_a_stalled_router_does_not_close_the_loop(stub_router, load_child):
    """With every call hanging, 200 calls still leave on schedule: far more than FastHttpUser's 10 connections."""
    load = {"rate": "200/s", "duration": "1s", "deadline": "2s", "give_up": "2s"}
    child = load_child(stub_router({"*": "hang"}), load)
    calls = child.play()
    scheduled = {row["call"]: row["scheduled_ns"] for row in child.rows("schedule")}
    assert len(calls) == 200
    assert {row["outcome"] for row in calls.values()} == {"hung"}
    late_ns = sorted(row["sent_ns"] - scheduled[call] for call, row in calls.items())
    assert late_ns[-1] < 1.5e9  # behind ten connections that hang for 2 s, the eleventh call leaves 1.95 s late


@pytest.mark.parametrize("client", ["http", "openai_sdk"])
def test_the_clock_stands_at_the_socket_write(stub_router, load_child, client):
    """With too few connections on purpose, the wait for one shows as lateness in sent_ns instead of being hidden."""
    clients = {"http": int(client == "http"), "openai_sdk": int(client != "http")}
    load = {"rate": "40/s", "duration": "500ms", "deadline": "2s", "give_up": "2s", "clients": clients}
    plan = {str(call): "hang" for call in range(1, 3)}
    child = load_child(stub_router(plan), load, connections_max=2)
    calls = child.play()
    scheduled = {row["call"]: row["scheduled_ns"] for row in child.rows("schedule")}
    assert [calls[call]["outcome"] for call in (1, 2)] == ["hung", "hung"]
    waited = [calls[call] for call in range(3, 21)]
    assert all(row["sent_ns"] is None or row["sent_ns"] - scheduled[row["call"]] > 1e9 for row in waited)
    assert any(row["sent_ns"] is not None for row in waited)
    assert max(each["late_ms_max"] for each in child.events if each["event"] == "stats") > 1000


def test_a_missing_sdk_is_said_in_three_lines(stub_router, load_child):
    """What, where, and what to do next; exit code 1."""
    program = "import sys; sys.modules['openai'] = None;"
    program += "from banstorm.harness.load.__main__ import main; sys.exit(main())"
    child = load_child(stub_router(), {"clients": {"openai_sdk": 1}}, command=[sys.executable, "-P", "-c", program])
    failed = child.until("failed")
    assert "openai is not installed" in failed["what"]
    assert "openai_sdk" in failed["where"]
    assert "banstorm[sdk]" in failed["next"]
    assert child.end() == 1


def test_a_missing_locust_is_said_in_three_lines(stub_router, load_child):
    """The light base install has no Locust."""
    program = "import sys; sys.modules['locust'] = None;"
    program += "from banstorm.harness.load.__main__ import main; sys.exit(main())"
    child = load_child(stub_router(), command=[sys.executable, "-P", "-c", program])
    assert "banstorm[lab]" in child.until("failed")["next"]
    assert child.end() == 1
