"""`banstorm serve` as a process: what it prints works, it is controlled, and it ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from banstorm.fakes import dialects
from banstorm.harness import command_serve

PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging
QUESTION = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hello"}]}


def _start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "banstorm.harness.cli", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


class Served:
    """A running `banstorm serve`, what it printed, and the variables in it."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.process = _start(*words, **environment)
        assert self.process.stdout
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("# Ctrl-C"):
                break
        self.page = "".join(lines)
        self.variables = dict(re.findall(r"^export ([A-Z_]+)=(\S+)$", self.page, re.MULTILINE))

    def ask(self) -> httpx.Response:
        """A question to the OpenAI fake, as its SDK would find it."""
        return httpx.post(
            f"{self.variables['OPENAI_BASE_URL']}/chat/completions",
            json=QUESTION,
            headers={"authorization": f"Bearer {self.variables['OPENAI_API_KEY']}"},
        )

    def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call to the control API."""
        return httpx.request(
            method,
            self.variables["BANSTORM_CONTROL_URL"] + path,
            json=body,
            headers={"authorization": f"Bearer {self.variables['BANSTORM_CONTROL_TOKEN']}"},
            timeout=PATIENCE_S,
        )

    def end(self, number: int = signal.SIGINT) -> int:
        """Tell it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            assert self.process.stdout
            assert self.process.stderr
            self.process.stdout.close()
            self.process.stderr.close()


@pytest.fixture
def served() -> Iterator[Served]:
    """OpenAI and Anthropic."""
    running = Served("openai", "anthropic")
    yield running
    running.end()


def test_what_is_printed_works(served):
    """The variables lead to answers, the control API lists where each provider is and has the invoice."""
    assert served.ask().json()["choices"][0]["message"]["content"]
    listed = served.control("GET", "/v1/providers").json()
    assert list(listed) == ["openai", "anthropic"]
    assert listed["anthropic"]["url"] == served.variables["ANTHROPIC_BASE_URL"]
    [invoice] = served.control("GET", "/v1/invoices").json()["invoices"]
    assert invoice["usd"] > 0


@pytest.mark.debian
def test_the_page_is_pasted_as_it_is(served):
    """The whole page is a script that only sets variables; its curl line, uncommented, bans the first provider."""
    script = served.page + "\ntest -n $OPENAI_BASE_URL"
    done = subprocess.run(["bash", "-eu"], input=script, check=True, capture_output=True, text=True)
    assert done.stdout == ""
    assert served.ask().status_code == 200
    script = served.page.replace("# curl", "curl")
    done = subprocess.run(["bash", "-eu"], input=script, check=True, capture_output=True, text=True)
    assert '"org_disabled"' in done.stdout
    assert served.ask().json()["error"]["code"] == "account_deactivated"


def test_a_login_is_refreshed_at_the_vendors_path(served):
    """OAuth works over HTTP: log in by control, refresh at the provider."""
    tokens = served.control("POST", "/v1/providers/anthropic/logins", {}).json()
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    url = served.variables["ANTHROPIC_BASE_URL"] + "/v1/oauth/token"
    assert [httpx.post(url, json=body).status_code for _ in range(2)] == [200, 400]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_while_work_is_open(number):
    """An open stream and an open wait, each far longer than anyone's patience, don't hold it up."""
    running = Served("openai")
    try:
        running.control("PUT", "/v1/providers/openai/latency", {"tokens_per_second": 0.001})
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
            url = running.variables["OPENAI_BASE_URL"] + "/chat/completions"
            key = {"authorization": "Bearer x"}
            token = {"authorization": f"Bearer {running.variables['BANSTORM_CONTROL_TOKEN']}"}
            wait = f"{running.variables['BANSTORM_CONTROL_URL']}/v1/wait"
            wish = {"invoices": 9, "timeout_s": 30}
            waiting = asyncio.create_task(client.post(wait, json=wish, headers=token))
            async with client.stream("POST", url, json={**QUESTION, "stream": True}, headers=key) as answer:
                assert answer.status_code == 200
                await anext(answer.aiter_bytes())
                assert not waiting.done()
                assert await asyncio.to_thread(running.end, number) == 0
            assert (await waiting).json()["met"] is False
    finally:
        running.end(signal.SIGKILL)


def test_fixed_ports_a_token_and_prices_of_ones_own(tmp_path: Path):
    """Ports, the control API's port and token, and a price table are the user's if given."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        first, second = one.getsockname()[1], two.getsockname()[1]
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {gpt-5.4-mini: {input: 1000000, output: 0}}")
    words = ["openai", "--ports", f"openai={first}", "--control-port", str(second), "--price-file", str(prices)]
    running = Served(*words, BANSTORM_CONTROL_TOKEN="mine")
    try:
        assert running.variables["OPENAI_BASE_URL"] == f"http://127.0.0.1:{first}/v1"
        assert running.variables["BANSTORM_CONTROL_URL"] == f"http://127.0.0.1:{second}"
        assert running.variables["BANSTORM_CONTROL_TOKEN"] == "mine"
        tokens = running.ask().json()["usage"]["prompt_tokens"]
        assert running.control("GET", "/v1/invoices").json()["invoices"][0]["usd"] == tokens
    finally:
        running.end()


MISTAKES = [
    (("opena",), "did you mean 'openai'"),
    (("openai", "--ports", "anthropic=9101"), "a port for 'anthropic', which isn't served"),
    (("openai", "--ports", "openai"), "no port"),
    (("openai", "--price-file", "/nowhere.yaml"), "can't read the price table"),
    (("openai", "--control-port", "70000"), "70000"),
    (("openai", "--ports", "openai={taken}"), "port {taken} is taken"),
    (("openai", "--control-port", "{taken}"), "leave --control-port out"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_a_mistake_is_told_in_three_lines(words, told):
    """What, where, what next; exit code 2."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = str(holder.getsockname()[1])
        process = _start(*[word.replace("{taken}", taken) for word in words])
        _, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert [line[:6] for line in error.splitlines()] == ["error:", "where:", "next: "]
    assert told.replace("{taken}", taken) in error


@pytest.mark.parametrize("token", ["a\nb", " a"])
def test_a_token_that_no_header_can_hold_is_refused(token):
    """Nobody could ever give it to the control API."""
    process = _start("openai", BANSTORM_CONTROL_TOKEN=token)
    try:
        _, error = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert 2 == process.returncode
    assert "the token can't stand in a header" in error
    assert ["error:", "where:", "next: "] == [each[:6] for each in error.splitlines()]


def test_it_needs_the_base_install_alone():
    """Whoever installed banstorm without its extras can serve: none of their packages is imported."""
    heavy = ("mitmproxy", "locust", "gevent", "pandas", "pyarrow", "vl_convert", "rich", "psutil")
    code = f"import sys, banstorm.harness.command_serve; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_every_dialect_is_on_the_page():
    """Each provider's part has its address and what its SDK reads, or how to tell it."""
    chosen = {name: dialects.find(name) for name in dialects.names()}
    ports = {name: 40_000 + place for place, name in enumerate(chosen)}
    parts = command_serve.page(chosen, {**ports, command_serve.CONTROL: 50_000}, "t").split("\n\n")
    for name, dialect in chosen.items():
        [part] = [each for each in parts if each.startswith(f"# {name}: ")]
        assert f"http://127.0.0.1:{ports[name]}{dialect.base_path}" in part
        assert dialect.key_example in part
    exported = re.findall(r"^export ([A-Z_]+)=", "\n".join(parts), re.MULTILINE)
    assert len(exported) == len(set(exported)), "one provider's variable would hide another's"


def test_customers_and_a_seed_of_ones_own(tmp_path: Path):
    """Keys, logins and bans are those of the file, and the seed decides what is made up."""
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text(
        "openai:\n  keys: [sk-proj-mine]\n  organisations: {acme: {grants: [{}]}}\n"
        "  models: [{model: gpt-5.4-mini, state: model_retired}]\n"
    )
    tokens = []
    for seed in ("7", "7", "8"):
        running = Served("openai", "mistral", "--accounts", str(accounts), "--seed", seed)
        try:
            assert running.variables["OPENAI_API_KEY"] == "sk-proj-mine"
            assert "only keys of the file" in running.page
            tokens.append(re.findall(r"# a login of acme: access (\S+) refresh (\S+)", running.page))
            assert running.ask().json()["error"]["code"] == "model_not_found"
            running.variables["OPENAI_API_KEY"] = "sk-proj-other"
            assert running.ask().json()["error"]["code"] == "invalid_api_key"
        finally:
            running.end()
    refresh = [each[0][1] for each in tokens]
    assert refresh[0] == refresh[1] != refresh[2]


def test_a_mistake_among_the_customers(tmp_path: Path):
    """A mistake in the file is told in three lines, with its line, and nothing is served."""
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text("openai:\n  standing:\n    - {state: org_disable}\n")
    process = _start("openai", "--accounts", str(accounts))
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert told.splitlines() == [
        "error: this vendor has no failure 'org_disable'",
        f"where: {accounts}:3, openai.standing[0]",
        "next:  did you mean 'org_disabled'?",
    ]
