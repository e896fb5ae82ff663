"""What the plugin is to a whole test session: light, isolated, parallel, and plain about mistakes."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

QUIET = ("-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


def test_a_session_that_does_not_use_it_loads_nothing_of_ours(pytester):
    """The entry point brings in its own file and pytest alone; neither threads nor servers are started."""
    pytester.makepyfile("""
        import sys, threading

        def test_nothing():
            ours = sorted(name for name in sys.modules if name.startswith("banstorm."))
            assert ours == ["banstorm.harness", "banstorm.harness.pytest_plugin"]
            assert not {"aiohttp", "pydantic", "yaml", "httptools", "uvloop"} & set(sys.modules)
            assert threading.active_count() == 1
    """)
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1)


def test_a_session_that_uses_it_loads_nothing_heavy(pytester):
    """No mitmproxy, Locust or pandas: it works in the base install."""
    pytester.makepyfile("""
        import sys, pytest

        @pytest.mark.banstorm("sudden_ban")
        def test_it(banstorm):
            banstorm.env()
            heavy = {"mitmproxy", "locust", "gevent", "pandas", "pyarrow", "psutil", "rich", "altair"}
            assert not heavy & set(sys.modules)
    """)
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1, warnings=1)


def test_each_test_has_its_own(pytester):
    """Bans, answers, limits, the log, the bills, the ports and the environment of one test are not the next one's."""
    pytester.makepyfile("""
        import os
        import openai, pytest

        seen = []

        @pytest.mark.parametrize("turn", range(3))
        def test_it(banstorm, turn):
            assert "OPENAI_BASE_URL" not in os.environ
            assert banstorm.requests == [] and banstorm.bills == []
            banstorm.setenv("openai")
            client = openai.OpenAI(max_retries=0)
            said = [{"role": "user", "content": "Hello"}]
            assert "You asked" in client.chat.completions.create(model="m", messages=said).choices[0].message.content
            banstorm.openai.answer("Mine.")
            banstorm.openai.quota(requests_per_minute=1)
            banstorm.openai.ban("server_error")
            with pytest.raises(openai.APIStatusError):
                client.chat.completions.create(model="m", messages=said)
            for old in seen:
                with pytest.raises(openai.APIConnectionError):
                    old.chat.completions.create(model="m", messages=said)
            assert len(banstorm.requests) == 2
            seen.append(client)
    """)
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=3)


def test_workers_have_a_lab_each(pytester):
    """Under xdist tests run at the same time, and none sees another's requests."""
    pytester.makepyfile("""
        import httpx, pytest

        @pytest.mark.parametrize("turn", range(8))
        @pytest.mark.banstorm({"on": "openai", "fault": "rate_limited", "first": 2})
        def test_it(banstorm, turn):
            headers = {"authorization": f"Bearer sk-{turn}"}
            got = [httpx.get(f"{banstorm.openai.base_url}/models", headers=headers).status_code for _ in range(4)]
            assert got == [429, 429, 200, 200]
            assert {each.key for each in banstorm.requests} == {f"sk-{turn}"}
    """)
    pytester.runpytest_subprocess(*QUIET, "-n", "2").assert_outcomes(passed=8)


def test_providers_of_a_whole_session(pytester):
    """A router that is started once for all tests finds the same addresses in each of them."""
    pytester.makepyfile("""
        import httpx, pytest
        from banstorm.harness.lab_banstorm import Banstorm

        @pytest.fixture(scope="session")
        def vendors(banstorm_lab):
            made = Banstorm(banstorm_lab)
            yield made
            made.close()

        @pytest.fixture(scope="session")
        def address(vendors):
            return vendors.openai.base_url

        @pytest.mark.parametrize("turn", range(2))
        def test_it(vendors, address, turn):
            vendors.forget()
            assert 401 == httpx.get(f"{address}/models").status_code
            assert 1 == len(vendors.requests)
    """)
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=2)


def test_a_timeline_that_met_nothing_is_told(pytester):
    """The test passed, and proved nothing about the scenario: a warning says so."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.banstorm("sudden_ban")
        def test_it(banstorm):
            banstorm.env()
    """)
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*0:org_disabled was played, but met no request: the test proves nothing about it"])


def test_a_mistake_in_what_is_played_shows_the_tests_own_line(pytester):
    """No line of banstorm's stands between the test and the three lines that say what to do."""
    pytester.makepyfile("""
        def test_it(banstorm):
            banstorm.play({"on": "openai", "fault": "hnag"})
    """)
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unknown fault 'hnag'", "*did you mean 'hang'?*"])
    result.stdout.no_fnmatch_line("*lab_play.py*")


@pytest.mark.parametrize(
    ("mark", "argument", "words"),
    [
        ('"suden_ban"', "banstorm", ["unknown scenario 'suden_ban'", "test_*.py:3", "did you mean 'sudden_ban'?*"]),
        ('"nowhere.yaml"', "banstorm", ["there is no such scenario file", "nowhere.yaml", "check the path"]),
        (
            '{"on": "opnai", "fault": "hang"}',
            "banstorm",
            ["unknown provider 'opnai'", "*:3, timeline[[]0].on", "*'openai'?"],
        ),
        (
            '{"on": "openai", "fault": "hnag"}',
            "banstorm",
            ["unknown fault 'hnag'", "*timeline[[]0].fault", "*'hang'?*"],
        ),
        (
            '{"on": "openai", "fault": "tls_broken"}',
            "banstorm",
            [
                "'tls_broken' can't be played in the 'inline' host*",
                "*timeline[[]0].fault",
                "play it with `banstorm run`*",
            ],
        ),
        ('{"event": "drop_state"}', "banstorm", ["'drop_state' happens to a router*", "*", "play it with*"]),
        ('"sudden_ban", sped=3', "banstorm", ["the marker banstorm takes no argument 'sped'", "*:3", "write @pytest*"]),
        ("", "banstorm", ["the marker banstorm takes one thing to play, not 0", "*:3", "write @pytest*"]),
        ('"sudden_ban", speed=-1', "banstorm", ["a speed of -1", "*:3", "write 0 (only by advance)*"]),
        ('"sudden_ban"', "", ["a test marked banstorm does not take the fixture*", "*test_it", "write `def test_it*"]),
    ],
)
def test_a_wrong_marker_is_told_in_three_lines(pytester, mark, argument, words):
    """What, where, what next; no traceback of ours."""
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.banstorm({mark})\ndef test_it({argument}): pass\n")
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(errors=1)
    what, where, following = words
    result.stdout.fnmatch_lines([f"error: {what}", f"where: {where}", f"next:  {following}"], consecutive=True)
    assert "Traceback" not in result.stdout.str()
    assert "lab_" not in result.stdout.str()


def test_a_mistake_inside_a_test_is_shown_at_its_own_line(pytester):
    """The traceback ends where the test is wrong, not somewhere inside the plugin."""
    pytester.makepyfile("""
        def test_it(banstorm):
            banstorm.openai.ban("org_disable")
    """)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>*banstorm.openai.ban("org_disable")', "E *error: 'openai' has no failure 'org_disable'"]
    )
    assert "lab_provider.py" not in result.stdout.str()


def test_the_marker_is_known(pytester):
    """`--strict-markers` takes it, and `--markers` says what it does."""
    result = pytester.runpytest_inprocess("--markers", "--strict-markers")
    result.stdout.fnmatch_lines(["@pytest.mark.banstorm(what, speed=1): play a scenario's timeline*"])


def test_importing_it_costs_next_to_nothing():
    """It asks for no module that pytest doesn't load anyway."""
    code = (
        "import pytest, _pytest.config, sys; before = set(sys.modules); import banstorm.harness.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert ["banstorm", "banstorm.harness", "banstorm.harness.pytest_plugin"] == done.stdout.split()
