"""What the fakes of OpenAI's shape bill: every choice, every call, and at OpenRouter what the answer itself says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from banstorm.fakes.account import Accounts
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.invoice import Bill
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.quota import Limits

TEXT = Mark("7f3a9c", 12, Shape.TEXT, 6).render()
PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/v1/chat/completions",
    "mistral": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
}
MODEL = "gpt-5.4-mini"
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("one", "two")]


def ask(name: str, body: dict[str, Any], *, prices: PriceTable | None = None, **options: Any) -> Any:
    """The response to a request, and its bill."""
    path = options.pop("path", PATHS[name])
    bills: list[Bill] = []
    app = create_app(
        name, find(name), Pace(), run_seed=1, bill=bills.append, prices=prices or PriceTable.load(), **options
    )

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://fake") as client:
            return await client.post(path, json={"model": MODEL, **body}, headers={"authorization": "Bearer k"})

    response = asyncio.run(call())
    [bill] = bills
    return response, bill


@pytest.mark.parametrize("name", ["openai", "azure", "mistral"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_choice_is_billed(name: str, stream: bool) -> None:  # noqa: FBT001 - a row of the table
    """Three choices cost three answers and one prompt, whole and streamed, and as many words are on the wire."""
    body = {"messages": [{"role": "user", "content": TEXT}], "n": 3, "stream": stream}
    response, bill = ask(name, body)
    assert response.content.count(b"~") == bill.produced_tokens == 18
    assert bill.completed
    _, single = ask(name, {**body, "n": 1})
    assert (single.produced_tokens, single.input_tokens) == (6, bill.input_tokens)


def test_every_choice_thinks() -> None:
    """Each choice is billed for thoughts of its own, as the usage says."""
    body = {"messages": [{"role": "user", "content": TEXT}], "n": 2, "reasoning_effort": "low"}
    response, bill = ask("openai", body)
    assert bill.produced_tokens == response.json()["usage"]["completion_tokens"] == 2 * (64 + 6)


@pytest.mark.parametrize("stream", [False, True])
def test_every_call_is_billed(stream: bool) -> None:  # noqa: FBT001 - a row of the table
    """Parallel calls are billed for the tokens of all of them."""
    body = {"messages": [{"role": "user", "content": "Use one and two."}], "tools": TOOLS}
    response, _ = ask("openai", body)
    calls = response.json()["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["one", "two"]
    _, bill = ask("openai", {**body, "stream": stream})
    assert bill.produced_tokens == response.json()["usage"]["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_openrouter_tells_what_it_bills(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - a row of the table
    """The cost in an answer is the one on the bill, by whatever price table the fake has."""
    table = tmp_path / "mine.yaml"
    table.write_text(f"models: {{{MODEL}: {{input: 1000, output: 2000}}}}")
    body = {"messages": [{"role": "user", "content": TEXT}], "stream": stream}
    response, bill = ask("openrouter", body, prices=PriceTable.load(table))
    data = response.content if not stream else response.content.split(b"data: ")[-2]
    assert orjson.loads(data)["usage"]["cost"] == pytest.approx(bill.usd)
    assert bill.usd == pytest.approx((bill.input_tokens * 1000 + 6 * 2000) / 1e6)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_quota_refuses_in_words_that_suit(path: str) -> None:
    """What a request is refused with names its model and the quota's own figures."""
    accounts = Accounts(find("openai").failures, seed=1)
    accounts.quota.set(Limits(tokens_per_minute=3))
    body = {"messages": [{"role": "user", "content": TEXT}], "input": TEXT}
    response, bill = ask("openai", body, path=path, account=accounts)
    message = response.json()["error"]["message"]
    assert response.status_code == 429
    assert message.startswith(f"Request too large for {MODEL} in organization")
    assert "on tokens per min (TPM): Limit 3, Requested " in message
    assert (bill.usd, bill.produced_tokens) == (0, 0)
