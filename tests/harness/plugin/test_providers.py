"""What a test does with the fake providers: ban, limit, answer; and what it sees of its own code's requests."""

from __future__ import annotations

import os

import anthropic
import httpx
import openai
import pytest
from banstorm.harness.errors import HarnessError


async def test_unmodified_sdks_reach_the_fakes_by_the_environment(banstorm, ask):
    """Clients that are told nothing in code find the providers, and each request is in the log with what it asked."""
    assert "You asked: Hello" in await ask("openai")
    assert "You asked: Hello" in await ask("anthropic")
    first, second = banstorm.requests
    assert ("openai", "/v1/chat/completions", "gpt-5.4-mini", "Hello", 200, True, None) == (
        first.provider,
        first.path,
        first.model,
        first.text,
        first.status,
        first.complete,
        first.failure,
    )
    assert ("anthropic", "/v1/messages", "claude-sonnet-5") == (second.provider, second.path, second.model)
    assert banstorm.openai.api_key == first.key
    assert [{"role": "user", "content": "Hello"}] == first.body["messages"]
    assert [first] == banstorm.openai.requests


async def test_a_ban_is_the_vendors_own_failure_until_it_is_lifted(banstorm, ask):
    """The SDK raises what it raises at the real vendor; other providers are not concerned."""
    banstorm.anthropic.ban("org_disabled")
    with pytest.raises(anthropic.BadRequestError, match="disabled"):
        await ask("anthropic")
    await ask("openai")
    banstorm.anthropic.unban()
    await ask("anthropic")
    assert [("org_disabled", 400), (None, 200), (None, 200)] == [(r.failure, r.status) for r in banstorm.requests]
    assert "This organization has been disabled." == banstorm.requests[0].error


async def test_a_ban_for_some_requests_counts_them(banstorm, ask):
    """`requests=2` fails two and lets the third through."""
    banstorm.openai.ban("rate_limited", requests=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as caught:
            await ask("openai")
        assert "7" == caught.value.response.headers["retry-after"]
    await ask("openai")


async def test_a_ban_for_a_time_ends_by_the_timelines_clock(banstorm, ask):
    """`for_` is over when the clock was put forward: no test sleeps."""
    banstorm.openai.ban("server_error", for_="1h")
    with pytest.raises(openai.InternalServerError):
        await ask("openai")
    banstorm.advance("61m")
    await ask("openai")


async def test_a_ban_may_be_one_keys_or_one_models(banstorm, ask):
    """Whoever else asks, or for another model, is served."""
    banstorm.openai.ban("bad_key", key="sk-somebody-else")
    banstorm.openai.ban("model_not_found", model="gpt-4")
    await ask("openai")
    with pytest.raises(openai.NotFoundError):
        openai.OpenAI(max_retries=0).chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "?"}])
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(max_retries=0, api_key="sk-somebody-else").models.list()


def test_a_request_without_a_key_is_refused_for_that(banstorm):
    """No vendor tells a stranger about somebody's ban."""
    banstorm.openai.ban("org_disabled")
    assert 401 == httpx.post(f"{banstorm.openai.base_url}/chat/completions", json={}).status_code
    with_key = httpx.get(f"{banstorm.openai.base_url}/models", headers={"authorization": "Bearer sk-1"})
    assert (401, "org_disabled") == (with_key.status_code, banstorm.openai.requests[-1].failure)


async def test_a_quota_is_a_bucket_that_fills_by_the_clock(banstorm, ask):
    """The third request of a minute gets a 429, and a minute later there is room again."""
    banstorm.openai.quota(requests_per_minute=2)
    await ask("openai", "one")
    await ask("openai", "two")
    with pytest.raises(openai.RateLimitError):
        await ask("openai", "three")
    banstorm.advance("60s")
    await ask("openai", "four")
    assert [200, 200, 429, 200] == [each.status for each in banstorm.requests]


async def test_answers_of_ones_own(banstorm, ask):
    """A later answer comes before earlier ones; conditions choose; the rest is answered as usual."""
    banstorm.openai.answer("We refund within 14 days.", contains="refund")
    assert "We refund within 14 days." == await ask("openai", "I want a refund")
    assert "14 days" not in await ask("openai", "Hello")
    banstorm.openai.answer("No.", contains="refund", first=1)
    assert "No." == await ask("openai", "I want a refund")
    assert "We refund within 14 days." == await ask("openai", "I want a refund")
    banstorm.anthropic.answer(json={"city": "Oslo"})
    assert '{"city":"Oslo"}' == await ask("anthropic", "Where?")


def test_a_tool_call_of_ones_own(banstorm):
    """The SDK sees a call of that tool with those arguments, and the usage that was asked for."""
    banstorm.openai.answer(tool="get_weather", arguments={"city": "Oslo"}, usage={"output_tokens": 5})
    client = openai.OpenAI(base_url=banstorm.openai.base_url, api_key="sk-1", max_retries=0)
    got = client.chat.completions.create(model="gpt-5.4-mini", messages=[{"role": "user", "content": "?"}])
    (call,) = got.choices[0].message.tool_calls
    assert ("get_weather", '{"city":"Oslo"}', 5) == (
        call.function.name,
        call.function.arguments,
        got.usage.completion_tokens,
    )


async def test_bills_say_what_it_cost(banstorm, ask):
    """An answer is billed by the list price, a refusal not at all."""
    banstorm.openai.ban("rate_limited", requests=1)
    with pytest.raises(openai.RateLimitError):
        await ask("openai")
    assert [] == banstorm.bills
    await ask("openai")
    await ask("anthropic")
    openais, anthropics = banstorm.bills
    assert ("openai", "anthropic") == (openais.provider, anthropics.provider)
    assert openais.priced
    assert openais.usd == banstorm.openai.cost > 0
    banstorm.forget()
    assert ([], [], 0) == (banstorm.requests, banstorm.bills, banstorm.openai.cost)


async def test_a_stream_is_seen_and_billed_whole(banstorm, ask):
    """When the caller has the last word, the log and the bill have it too."""
    assert "You asked: Hello" in await ask("openai", stream=True)
    (request,) = banstorm.requests
    (bill,) = banstorm.bills
    assert (True, True, True) == (request.stream, request.ok, bill.completed)


def test_any_vendor_and_more_than_one_account(banstorm):
    """Each vendor is there by its name, and another account of one under a name of its own."""
    backup = banstorm.provider("backup", like="openai")
    banstorm.openai.ban("org_disabled")
    key = {"authorization": "Bearer sk-1"}
    assert 200 == httpx.get(f"{backup.base_url}/models", headers=key).status_code
    assert 200 == httpx.get(f"{banstorm.mistral.base_url}/models", headers=key).status_code
    assert ["backup", "openai", "mistral"] == list(banstorm.providers)
    with pytest.raises(HarnessError, match="already"):
        banstorm.provider("backup", like="openai")


def test_the_environment_is_every_vendors_and_is_put_back(banstorm, monkeypatch):
    """`env` is for a process to start; `setenv` is for this one; behind a proxy loopback is excepted."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    env = banstorm.env()
    assert banstorm.openai.base_url == env["OPENAI_BASE_URL"]
    assert banstorm.anthropic.url == env["ANTHROPIC_BASE_URL"]
    assert {"GROQ_BASE_URL", "CO_API_URL", "GOOGLE_GEMINI_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"} <= env.keys()
    assert "127.0.0.1,localhost" in env["NO_PROXY"]
    banstorm.setenv()
    assert env["ANTHROPIC_BASE_URL"] == os.environ["ANTHROPIC_BASE_URL"]
    banstorm.close()
    assert "sk-mine" == os.environ["OPENAI_API_KEY"]
    assert "ANTHROPIC_BASE_URL" not in os.environ


async def test_a_pace_of_ones_own(banstorm, ask):
    """Answers come at once, unless a time to first token is asked for."""
    banstorm.openai.pace(ttft="50ms")
    await ask("openai")
    (request,) = banstorm.requests
    assert request.ended_ns - request.received_ns >= 50_000_000


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda b: b.opnai, ("no provider 'opnai'", "test_providers.py:", "did you mean 'openai'?")),
        (lambda b: b.provider("x", like="opnai"), ("no provider 'opnai'", "did you mean 'openai'?")),
        (lambda b: b.openai.ban("org_disable"), ("no failure 'org_disable'", "did you mean 'org_disabled'?")),
        (lambda b: b.openai.ban("rate_limited", requests=0), ("0 requests are none", "1 or more")),
        (lambda b: b.openai.ban("rate_limited", for_="5"), ("expected a duration", "'5s'")),
        (lambda b: b.openai.quota(request_per_minute=1), ("no limit 'request_per_minute'", "requests_per_minute")),
        (lambda b: b.openai.quota(requests_per_minute=0), ("make no sense", "mend the figures")),
        (lambda b: b.openai.answer("a", json={}), ("found json and text", "one thing")),
        (lambda b: b.openai.answer("a", contain="b"), ("unknown key 'contain'", "did you mean 'contains'?")),
        (lambda b: b.openai.pace(tokens_per_second=0), ("0 tokens a second", "above 0")),
        (lambda b: b.advance("-1s"), ("expected a duration", "'5s'")),
        (lambda b: b.advance(-1), ("-1 is no time to wait", "not negative")),
        (lambda b: b.play("sudden_ban", speed=-1), ("a speed of -1", "by advance")),
        (lambda b: b.play("sudden_ban", speed="fast"), ("a speed of 'fast'", "by advance")),
        (lambda b: b.play(3), ("3 can't be played", "`banstorm list`")),
        (lambda b: b.play(["sudden_ban"]), ("'sudden_ban' can't be played", "entries as")),
        (lambda b: b.openai.answer(tool="weather", arguments="Oslo"), ("are no mapping: 'Oslo'", "arguments={")),
        (lambda b: b.prompt(shape="poem"), ("words of 'poem'", "text, json, tool")),
        (lambda b: b.prompt(words=4097), ("4097 words of 'text'", "1 to 4096 words")),
        (lambda b: b.assert_no_calls_to("opnai"), ("no provider 'opnai'", "did you mean 'openai'?")),
        (lambda b: b.assert_calls("opnai", 0), ("no provider 'opnai'", "did you mean 'openai'?")),
        (lambda b: b.assert_retried_at_most(0, "opnai"), ("no provider 'opnai'", "did you mean 'openai'?")),
        (lambda b: b.assert_failed_over("openai", "antropic"), ("no provider 'antropic'", "'anthropic'?")),
        (lambda b: b.assert_answered_by("opnai"), ("no provider 'opnai'", "did you mean 'openai'?")),
        (lambda b: (b.groq, b.env("qqq")), ("no provider 'qqq'", "gemini, groq, mistral")),
    ],
)
def test_misuse_is_told_in_three_lines(banstorm, wrong, words):
    """What, where, what next."""
    with pytest.raises(HarnessError) as caught:
        wrong(banstorm)
    lines = str(caught.value).splitlines()
    assert ["error:", "where:", "next: "] == [line[:6] for line in lines]
    for word in words:
        assert word in str(caught.value)


def exchange(login, refresh_token=None):
    """What the token endpoint answers."""
    told = {"grant_type": "refresh_token", "refresh_token": refresh_token or login.refresh_token}
    return httpx.post(login.token_url, json=told)


def bearing(provider, token):
    """What the provider's list of models is answered with."""
    headers = {"authorization": f"Bearer {token}", "anthropic-beta": "oauth-2025-04-20"}
    return httpx.get(f"{provider.url}/v1/models", headers=headers | {"anthropic-version": "2023-06-01"}).status_code


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_a_login_expires_by_the_timelines_clock_and_is_renewed_once_a_token(banstorm, name):
    """Access tokens live as long as was said; each refresh token is good for one exchange, and API keys are unknown."""
    provider = banstorm[name]
    login = provider.login(expires="30m")
    assert 1800 == login.expires_in
    assert login.refresh_token not in repr(login)
    assert [200, 401] == [bearing(provider, login.access_token), bearing(provider, provider.api_key)]
    banstorm.advance("31m")
    assert 401 == bearing(provider, login.access_token)
    renewed = exchange(login).json()
    assert ("Bearer", 1800) == (renewed["token_type"], renewed["expires_in"])
    assert 200 == bearing(provider, renewed["access_token"])
    assert exchange(login).status_code in {400, 401}  # a second use: taken for theft
    assert bearing(provider, renewed["access_token"]) in {401, 403}
    assert exchange(login, renewed["refresh_token"]).status_code in {400, 401}
    assert [] == banstorm.bills


def test_two_customers_have_logins_of_their_own(banstorm):
    """One that is revoked leaves the other alone."""
    first, second = (banstorm.anthropic.login() for _ in range(2))
    exchange(first)
    exchange(first)
    assert [403, 200] == [bearing(banstorm.anthropic, each.access_token) for each in (first, second)]


def test_the_timelines_faults_of_logins_bite_the_token_endpoint(banstorm):
    """It is down, and access tokens go on working. A timeline that comes after a login is refused."""
    banstorm.play({"on": "anthropic", "fault": "oauth_refresh_down", "until": "1h"}, speed=0)
    login = banstorm.anthropic.login()
    assert [503, 200] == [exchange(login).status_code, bearing(banstorm.anthropic, login.access_token)]
    banstorm.assert_bitten("0:oauth_refresh_down")
    with pytest.raises(HarnessError, match=r"logged in at 'anthropic'[\s\S]*before anybody logs in"):
        banstorm.play({"on": "anthropic", "fault": "oauth_refresh_down"})
    banstorm.advance("59m")
    assert 503 == exchange(login).status_code
    banstorm.advance("1m")
    assert 200 == exchange(login).status_code


@pytest.mark.banstorm("revoked_login", speed=0)
def test_a_scenario_with_a_login_takes_logins(banstorm):
    """Its provider knows no API keys, as in a run, and its timeline refuses tokens."""
    login = banstorm.anthropic.login()
    assert [200, 401] == [bearing(banstorm.anthropic, token) for token in (login.access_token, "sk-ant-api03-any")]
    banstorm.advance("3s")
    assert 403 == bearing(banstorm.anthropic, login.access_token)


@pytest.mark.parametrize(
    ("name", "expires", "said"),
    [("gemini", "1h", "has no logins"), ("openai", "soon", "soon"), ("openai", 0.5, "too short for a token")],
)
def test_a_login_that_can_not_be_is_refused(banstorm, name, expires, said):
    """Three lines."""
    with pytest.raises(HarnessError, match=said):
        banstorm[name].login(expires)
