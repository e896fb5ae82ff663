"""Logins in a run: who may be given one, what the fake makes of it, and that nothing of it stays."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from banstorm.harness.errors import HarnessError
from banstorm.harness.launch import Child
from banstorm.harness.logins import login_at
from banstorm.harness.plan import Wish, make_plan
from banstorm.scenarios.model import Scenario
from whole_run import folder, play, rows

SCENARIO = """\
version: 1
title: No new tokens
story: The token endpoint is down for a while.
source: made for this test
seed: 11
providers:
  anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400, login: {expires: 2s}}
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}
load: {rate: 40/s, callers: 20, warmup: 500ms, duration: 5s, answer: 8 tokens, deadline: 4s,
       shapes: {text: 3, json: 1, tools: 1}}
timeline:
  - {at: 500ms, until: 4s, on: anthropic, fault: oauth_refresh_down}
expect:
  lost_calls: 0
  silent_losses: 0
"""


def _scenario(tmp_path: Path, text: str = SCENARIO) -> Path:
    path = tmp_path / "tokens.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("target", ["none", "http://127.0.0.1:1/v1", "router --url {anthropic_url}"])
def test_a_target_that_holds_keys_alone_is_refused(tmp_path, target):
    """Before anything starts, with what and where, and what to do."""
    with pytest.raises(HarnessError) as caught:
        make_plan(Wish(scenario=str(_scenario(tmp_path)), target=target, out=tmp_path))
    assert "can't be given an OAuth login" in caught.value.what
    assert "providers.anthropic.login" == caught.value.where
    assert "reference" in caught.value.advice


def test_what_happens_to_a_login_needs_one(tmp_path):
    """An entry about a login, on a provider with a key, would do nothing; so it is refused."""
    text = SCENARIO.replace(", login: {expires: 2s}", "").replace(
        "until: 4s, on: anthropic, fault: oauth_refresh_down", "on: anthropic, standing: login_taken"
    )
    with pytest.raises(HarnessError) as caught:
        make_plan(Wish(scenario=str(_scenario(tmp_path, text)), out=tmp_path))
    assert "timeline[0].on" == caught.value.where


@pytest.mark.parametrize(
    ("dialect", "base", "url"),
    [
        ("anthropic", "http://127.0.0.1:7", "http://127.0.0.1:7/v1/oauth/token"),
        ("openai", "http://127.0.0.1:7/v1", "http://127.0.0.1:7/v1/oauth/token"),
    ],
)
def test_where_a_login_is_refreshed(dialect, base, url):
    """At the provider's own address; and a token shows in no repr."""
    login = login_at(dialect, base, "/v1" if base.endswith("/v1") else "", "rt_secret")
    assert url == login.token_url
    assert "rt_secret" not in repr(login)
    assert login_at(dialect, base, "", None) is None


@pytest.mark.parametrize("inline", [False, True])
async def test_a_fake_with_a_login_knows_its_customer_alone(inline, tmp_path):
    """Its refresh token brings an access token that is let in; a key isn't, and a used refresh token ends it all."""
    scenario = Scenario.model_validate(
        {
            "version": 1,
            "title": "t",
            "story": "s",
            "source": "x",
            "seed": 1,
            "providers": {"vendor": {"dialect": "anthropic", "model": "claude-sonnet-5", "login": {"expires": "60s"}}},
            "load": {"rate": "1/s", "duration": "1s"},
            "expect": {"lost_calls": 0},
        }
    ).model_dump(mode="json", by_alias=True)
    child = Child("fakes", "banstorm.harness.fakes_host", tmp_path / "log")
    await child.spawn()
    common = {"run": "7f3a9c", "seed": 1, "ledger": str(tmp_path / "ledger"), "scenario": scenario}
    ready = await child.configure({**common, "ports": {"vendor": 0}, "inline": inline})
    root, refresh = f"http://127.0.0.1:{ready['ports']['vendor']}", ready["logins"]["vendor"]
    body = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "oauth-2025-04-20"}
    async with httpx.AsyncClient(trust_env=False, base_url=root, timeout=20) as client:

        async def ask(credential: str) -> httpx.Response:
            told = {**headers, "authorization": f"Bearer {credential}"}
            return await client.post("/v1/messages", json=body, headers=told)

        async def exchange(token: str) -> httpx.Response:
            said = {"grant_type": "refresh_token", "refresh_token": token}
            return await client.post("/v1/oauth/token", json=said, headers=headers)

        assert 401 == (await ask("sk-ant-api03-any")).status_code
        granted = (await exchange(refresh)).json()
        assert 60 == granted["expires_in"]
        assert 200 == (await ask(granted["access_token"])).status_code
        assert 200 == (await exchange(granted["refresh_token"])).status_code
        again = await exchange(refresh)
        assert (400, "invalid_grant") == (again.status_code, again.json()["error"])
        ended = await ask(granted["access_token"])
        assert 403 == ended.status_code
        assert "revoked" in ended.text
    await child.stop()
    assert 0 == child.returncode, child.log.read_text()


@pytest.mark.lab
@pytest.mark.alone
def test_a_whole_run_with_a_login(tmp_path):
    """The router refreshes through the injector, is refused there, lives on elsewhere; no token stays in the folder."""
    done = play(tmp_path, _scenario(tmp_path))
    assert done.returncode in {0, 3}, done.stdout + done.stderr  # a busy machine may be too late to prove it
    run = folder(tmp_path)
    tables = rows(run)
    exchanges = [row for row in tables["attempts"] if row["path"] == "/v1/oauth/token"]
    assert {200, 503} == {row["status"] for row in exchanges}
    assert {"0:oauth_refresh_down"} == {row["fault"] for row in exchanges if row["status"] == 503}
    served = {row["provider"] for row in tables["attempts"] if row["call"] is not None and row["status"] == 200}
    assert {"anthropic", "openai"} == served
    assert json.loads((run / "report.json").read_text("utf-8"))["verdict"] in {"pass", "inconclusive"}
    assert not (run / "logins").exists()
    for path in run.rglob("*"):
        if path.is_file():
            assert b"sk-ant-ort01-" not in path.read_bytes(), path
            assert b"sk-ant-oat01-" not in path.read_bytes(), path
