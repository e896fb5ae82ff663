"""Every way a run can end: by its verdict, by a part that dies, by an interruption, by a router that dies."""

from __future__ import annotations

import json
import signal

import psutil
import pytest
import whole_run

pytestmark = [pytest.mark.lab, pytest.mark.alone]


def test_without_fallback_and_breaker_the_run_fails(tmp_path):
    """The router that protects nobody loses calls, and that expectation is named first."""
    done = whole_run.play(
        tmp_path, whole_run.scenario(tmp_path), "--set", "fallback=false", "--set", "breaker.enabled=false"
    )
    assert 1 == done.returncode, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "next:   Fall back to another provider when anthropic fails" in done.stdout
    result = json.loads((whole_run.folder(tmp_path) / "report.json").read_text())
    assert "lost_calls" in result["sentence"] or result["first_broken"].startswith("lost_calls")


def test_a_fault_that_never_bit_makes_the_run_inconclusive(tmp_path):
    """A window after the end of the load proves nothing, however well the calls went."""
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path, at="20s", until="30s", duration="2s"))
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout


def test_a_model_without_a_price_is_named(tmp_path):
    """Any model name is accepted; one without a price is billed at zero, and the reader is told."""
    path = whole_run.scenario(tmp_path, duration="2s", at="500ms", until="1s")
    path.write_text(path.read_text().replace("gpt-5.4-mini", "house-model-1"))
    done = whole_run.play(tmp_path, path, "--inline")
    assert "warning: the model 'house-model-1' has no price" in done.stdout
    folder = whole_run.folder(tmp_path)
    assert any("house-model-1" in each for each in json.loads((folder / "run.json").read_text())["warnings"])
    assert "house-model-1" in (folder / "report.html").read_text()


@pytest.mark.parametrize("victim", ["injector", "fakes_host", "load"])
def test_a_killed_part_of_ours_makes_the_run_inconclusive(victim, tmp_path):
    """Every process ends, the ledger so far is kept, and the verdict blames nobody."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path, duration="60s"), line="bit anthropic") as (
        process,
        rest,
    ):
        children = whole_run.children(process)
        assert {"injector", "fakes_host", "load", "router"} <= set(children)
        children[victim].kill()
        output = rest()
        assert 3 == process.wait(30), output
    assert "was ended by SIGKILL" in output
    assert whole_run.gone(children)
    rows = whole_run.rows(whole_run.folder(tmp_path))
    assert rows["schedule"]
    assert rows["calls"]


def test_a_part_of_ours_that_can_not_write_its_last_rows_makes_the_run_inconclusive(tmp_path):
    """One that had to be killed in the end leaves a ledger with gaps: what the rest of it says is no pass."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path), line="disarmed on anthropic") as (process, rest):
        children = whole_run.children(process)
        children["injector"].suspend()
        output = rest()
        assert 3 == process.wait(60), output
    assert "while it wrote its last rows" in (whole_run.folder(tmp_path) / "run.json").read_text()
    assert whole_run.gone(children)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_everything_and_keeps_its_ledger(signum, tmp_path):
    """Ctrl-C ends with 130, no process left, and a report of what there is."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path, duration="60s"), line="bit anthropic") as (
        process,
        rest,
    ):
        children = whole_run.children(process)
        process.send_signal(signum)
        output = rest()
        assert 130 == process.wait(30), output
    assert "INTERRUPTED" in output
    assert "Traceback" not in output
    assert whole_run.gone(children)
    folder = whole_run.folder(tmp_path)
    assert "inconclusive" == json.loads((folder / "report.json").read_text())["verdict"]
    assert whole_run.rows(folder)["calls"]


@pytest.mark.parametrize("line", ["draining", "writing the report"])
def test_ctrl_c_pressed_again_changes_nothing(line, tmp_path):
    """While processes end or the report is written, Ctrl-C is no crash and no verdict: 130, and nothing is left."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path, duration="60s"), line="bit anthropic") as (
        process,
        rest,
    ):
        children = whole_run.children(process)
        process.send_signal(signal.SIGINT)
        assert process.stdout
        while line not in (said := process.stdout.readline()):
            assert said, "it ended too soon"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        output = rest()
        assert 130 == process.wait(30), output
    assert "INTERRUPTED" in output
    assert "Traceback" not in output
    assert whole_run.gone(children)
    assert json.loads((whole_run.folder(tmp_path) / "run.json").read_text())["interrupted"]


def test_a_router_that_dies_by_itself_has_failed(tmp_path):
    """A target that exits after it was ready is a fail, whatever its calls were."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path), line="load: about") as (process, rest):
        router = whole_run.children(process)["router"]
        # SIGTERM to it alone makes the reference router exit by itself, with its own exit code.
        router.terminate()
        output = rest()
        assert 1 == process.wait(60), output
    assert "the target exited with code 0" in output


def test_a_router_that_someone_else_killed_is_inconclusive(tmp_path):
    """A signal that neither we nor the router sent says nothing about the router."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path), line="load: about") as (process, rest):
        whole_run.children(process)["router"].kill()
        output = rest()
        assert 3 == process.wait(60), output


def test_a_reader_that_goes_away_does_not_touch_the_run(tmp_path):
    """`banstorm run … | head -1`: the run goes on unseen, and its exit code is its verdict."""
    with whole_run.running(tmp_path, whole_run.scenario(tmp_path), line="starting") as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.stdout
        process.stdout.close()
        code = process.wait(60)
    assert whole_run.gone({str(each.pid): each for each in children})
    verdict = json.loads((whole_run.folder(tmp_path) / "report.json").read_text())["verdict"]
    assert (code, verdict) in {(0, "pass"), (3, "inconclusive")}
    assert [] == json.loads((whole_run.folder(tmp_path) / "run.json").read_text())["own_failures"]


def test_an_output_that_knows_ascii_only_is_no_error(tmp_path, monkeypatch):
    """A sign that the terminal's encoding lacks is shown as another one."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path))
    assert "report: " in done.stdout, done.stderr
    assert [] == json.loads((whole_run.folder(tmp_path) / "run.json").read_text())["own_failures"]
