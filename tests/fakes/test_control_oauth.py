"""The control API on OAuth."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from .test_control import Market

ONE = "/v1/providers/anthropic"


@pytest.fixture
def market(make_fake: Any) -> Market:
    """An Anthropic fake in good standing."""
    return Market(make_fake("anthropic"))


async def _ask(market: Market, token: str, **question: Any) -> int:
    headers = {**market.fake.headers, "authorization": f"Bearer {token}", "anthropic-beta": "oauth-2025-04-20"}
    del headers["x-api-key"]
    return int((await market.fake.post(market.fake.question("hi", **question), headers=headers)).status)


async def _login(market: Market, **words: Any) -> Any:
    status, tokens, _ = await market.call("POST", f"{ONE}/logins", words)
    assert status == 201
    return tokens


async def test_grants_are_listed_and_revoked(market) -> None:
    """Grants are told by fingerprints, and revoked by token, by number, or all of an organisation."""
    one, two, three = [await _login(market, organisation=name) for name in ("acme", "acme", "umbrella")]
    _, told, _ = await market.call("GET", f"{ONE}/grants")
    assert [(grant["number"], grant["organisation"]) for grant in told["grants"]] == [
        (1, "acme"),
        (2, "acme"),
        (3, "umbrella"),
    ]
    assert b"sk-ant" not in orjson.dumps(told)
    for wish, revoked in (({"token": one["refresh_token"]}, 1), ({"number": 2}, 1), ({"organisation": "umbrella"}, 1)):
        assert (await market.call("POST", f"{ONE}/grants/revoke", wish))[1] == {"revoked": revoked}
    assert [await _ask(market, tokens["access_token"]) for tokens in (one, two, three)] == [403] * 3
    _, told, _ = await market.call("GET", f"{ONE}/grants")
    assert [grant["revoked"] for grant in told["grants"]] == [True] * 3


async def test_a_login_takes_tokens_of_ones_own(market) -> None:
    """A router that is configured with tokens finds them working, for as long as asked."""
    await _login(market, access_token="sk-ant-oat01-mine", refresh_token="sk-ant-ort01-mine", expires_in_s=5)
    assert await _ask(market, "sk-ant-oat01-mine") == 200
    market.clock.now_s += 5
    assert await _ask(market, "sk-ant-oat01-mine") == 401


async def test_the_token_endpoint_goes_down_and_up(market) -> None:
    """While it is down refreshes fail and access tokens work; it comes up by itself, or when told."""
    tokens = await _login(market)
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    _, told, _ = await market.call("PUT", f"{ONE}/token-endpoint", {"state": "down", "status": 500, "for_s": 60})
    assert told["token_endpoint"] == "down"
    assert (await market.fake.post(body, path="/v1/oauth/token")).status == 500
    assert await _ask(market, tokens["access_token"]) == 200
    _, told, _ = await market.call("PUT", f"{ONE}/token-endpoint", {"state": "up"})
    assert told["token_endpoint"] == "up"
    assert (await market.fake.post(body, path="/v1/oauth/token")).status == 200


async def test_third_parties_are_refused_and_let_in(market) -> None:
    """By control as by a call: whose system prompt gives them away is refused, in the words asked for."""
    token = (await _login(market))["access_token"]
    wish = {"block": "OpenFang", "details": {"variant": "claude_code_only"}}
    _, told, _ = await market.call("PUT", f"{ONE}/third-parties", wish)
    assert [(each["allow"], each["block"]) for each in told["changes"]] == [(None, "OpenFang")]
    assert [await _ask(market, token, system=name) for name in ("You are OpenFang.", "You are kind.")] == [400, 200]
    await market.call("PUT", f"{ONE}/third-parties", {"state": "ok"})
    assert await _ask(market, token, system="You are OpenFang.") == 200


PROBLEMS: list[tuple[str, str, Any, int, str]] = [
    ("POST", f"{ONE}/grants/revoke", {"token": "nonsense"}, 404, "lists them"),
    ("POST", f"{ONE}/grants/revoke", {"number": 7}, 404, "lists them"),
    ("POST", f"{ONE}/grants/revoke", {}, 422, "give one of"),
    ("POST", f"{ONE}/grants/revoke", {"number": 1, "organisation": "o"}, 422, "give one of"),
    ("PUT", f"{ONE}/token-endpoint", {"state": "broken"}, 422, "/state"),
    ("PUT", f"{ONE}/token-endpoint", {"state": "down", "status": 404}, 422, "/status"),
    ("PUT", f"{ONE}/third-parties", {"block": "("}, 422, "no regular expression"),
    ("PUT", f"{ONE}/third-parties", {"details": {"variant": "x"}}, 422, "no variant 'x'"),
    ("GET", "/v1/providers/plain/grants", None, 409, "anthropic and openai"),
    ("PUT", "/v1/providers/plain/token-endpoint", {"state": "up"}, 409, "anthropic and openai"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), PROBLEMS)
async def test_nonsense_is_a_problem_that_helps(market, method, path, body, status, words) -> None:
    """What makes no sense, and what a provider doesn't have, is refused with words that say what to do."""
    got, problem, _ = await market.call(method, path, body)
    assert got == status
    assert words in problem["detail"]
