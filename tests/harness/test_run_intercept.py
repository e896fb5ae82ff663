"""Whole runs of a router that is intercepted: it calls the vendors' own addresses, and meets the fakes."""

from __future__ import annotations

import json
import re

import pytest
from whole_run import folder, play, rows, scenario

pytestmark = [pytest.mark.lab, pytest.mark.alone]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One whole run: what it printed, and its folder."""
    tmp_path = tmp_path_factory.mktemp("intercepted")
    done = play(tmp_path, scenario(tmp_path), "--intercept")
    return done, folder(tmp_path)


def test_the_router_believes_that_it_calls_the_vendors(run):
    """Its configuration names the vendors' addresses, and nothing but its environment leads it to us."""
    done, where = run
    assert done.returncode in {0, 3}, done.stdout + done.stderr  # a slow machine may make it inconclusive
    configured = (where / "router.yaml").read_text()
    assert "https://api.anthropic.com" in configured
    assert "https://api.openai.com/v1" in configured
    assert "127.0.0.1" not in configured.partition("providers:")[2]
    manifest = json.loads((where / "run.json").read_text())
    assert "openai" == manifest["intercept"]["hosts"]["api.openai.com"]
    assert "--intercept" in manifest["command"]


def test_what_came_through_the_proxy_is_joined_as_ever(run):
    """Attempts have their calls and invoices, the fault bit, and nothing was refused."""
    _, where = run
    tables = rows(where)
    reached = [row for row in tables["attempts"] if row["reached"]]
    assert reached
    assert all(row["call"] is not None for row in reached)
    assert {row["attempt"] for row in reached} == {row["attempt"] for row in tables["invoices"]}
    assert any(row["fault"] == "0:org_disabled" for row in tables["attempts"])
    assert "refusals" not in tables


def test_a_router_of_the_users_is_told_its_environment(tmp_path):
    """Before the run waits for a router that it didn't start, it prints what that one must be started with."""
    done = play(tmp_path, scenario(tmp_path), "--intercept", "--target", "http://127.0.0.1:9", "--ready-timeout", "1s")
    assert 3 == done.returncode
    exports = dict(re.findall(r"^ +export (\w+)=(\S+)$", done.stdout, re.MULTILINE))
    assert exports["HTTPS_PROXY"].startswith("http://127.0.0.1:")
    assert exports["SSL_CERT_FILE"] == str((folder(tmp_path) / "intercept" / "bundle.pem").resolve())
    assert "https://api.openai.com/v1" in done.stdout
    assert "providers' base URLs as they are" in done.stdout
    assert "no call came through the proxy" in done.stderr
