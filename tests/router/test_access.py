"""Callers and their terms: known by a key, and held on every path, failover included."""

from __future__ import annotations

import httpx
import pytest
from banstorm.router.access import Access, read_callers
from banstorm.router.config import Config
from banstorm.router.config_access import Caller
from banstorm.router.errors import ConfigError
from banstorm.router.terms import CURRENT, OPEN

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}
BODY = {"model": "any", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def guarded(bench, monkeypatch):
    """Makes a bench whose front asks who is there; the callers are those of the configuration."""

    async def make(*callers, regions=("us", "eu")):
        b = await bench()
        for member, region in zip(b.router.fleet.members, regions, strict=True):
            member.provider.profile = type(member.provider.profile)(region=region)
        for caller in callers:
            monkeypatch.setenv(caller["key_env"], f"key of {caller['name']}")
        front = Access(b.app, read_callers([Caller(**caller) for caller in callers]))
        b.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://router")
        return b

    return make


async def ask(b, key="key of c", **headers):
    """One call with a key."""
    return await b.client.post("/v1/chat/completions", json=BODY, headers={"authorization": f"Bearer {key}", **headers})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("terms", "served", "when_a_is_banned"),
    [
        ({}, "anthropic", "openai"),
        ({"models": ["anthropic-model"]}, "anthropic", None),
        ({"models": ["openai-model"]}, "openai", "openai"),
        ({"regions": ["us"]}, "anthropic", None),
        ({"regions": ["eu"]}, "openai", "openai"),
        ({"providers": ["anthropic"]}, "anthropic", None),
        ({"disable_fallbacks": True}, "anthropic", None),
        ({"disable_fallbacks": True, "regions": ["eu"]}, "openai", "openai"),
        ({"models": ["another"]}, 403, 403),
    ],
)
async def test_terms_hold_when_the_router_fails_over(guarded, terms, served, when_a_is_banned, stream):
    """Whoever may not serve a caller doesn't, even if nobody else can: then the call fails and says so."""
    b = await guarded({"name": "c", "key_env": "KEY_C", **terms})

    async def who():
        response = await b.client.post(
            "/v1/chat/completions", json={**BODY, "stream": stream}, headers={"x-api-key": "key of c"}
        )
        return response.headers.get("x-llm-provider") if response.status_code == 200 else response.status_code

    assert served == await who()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    for _ in range(3):
        assert (when_a_is_banned or 503) == await who()
    if when_a_is_banned is None:
        assert [] == b.openai.requests


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer key of c"}, 200),
        ({"x-api-key": "key of c"}, 200),
        ({"api-key": "key of c"}, 200),
        ({"authorization": "Bearer key of nobody"}, 401),
        ({"x-api-key": ""}, 401),
        ({}, 401),
    ],
)
async def test_who_is_unknown_is_refused(guarded, headers, status):
    """A key is taken from where the SDKs put it; without a known one nothing is asked, and probes need none."""
    b = await guarded({"name": "c", "key_env": "KEY_C"})
    response = await b.client.post("/v1/chat/completions", json=BODY, headers=headers)
    assert status == response.status_code
    assert "nobody" not in response.text
    assert (status == 200) == bool(b.anthropic.requests)
    assert 200 == (await b.client.get("/healthz")).status_code
    assert status == (await b.client.get("/v1/models", headers=headers)).status_code


async def test_without_callers_everybody_may_ask(guarded):
    """No configured caller, no key needed; what a caller says in its own headers counts all the same."""
    b = await guarded()
    assert 200 == (await ask(b, "whatever")).status_code
    b.anthropic.always = b.anthropic.replies(400, BAN)
    assert 503 == (await ask(b, **{"x-llm-disable-fallbacks": "true"})).status_code
    assert 200 == (await ask(b, **{"x-llm-disable-fallbacks": "false"})).status_code


@pytest.mark.parametrize(
    ("name", "value", "terms"),
    [
        ("x-llm-timeout-ms", "1500", {"timeout_s": 1.5}),
        ("x-stainless-timeout", "600", {"silence_s": 600.0}),
        ("x-llm-timeout-ms", "soon", {}),
        ("x-llm-timeout-ms", "-5", {}),
        ("x-llm-timeout-ms", "nan", {}),
        ("x-llm-timeout-ms", "inf", {}),
        ("x-llm-disable-fallbacks", "1", {"disable_fallbacks": True}),
    ],
)
async def test_a_callers_own_headers_narrow_its_terms(name, value, terms):
    """How long a caller waits is read from its headers; nonsense there is no limit at all, and nothing leaks out."""
    seen = []

    async def front(scope, receive, send):
        seen.append(CURRENT.get())

    scope = {"type": "http", "path": "/v1/x", "headers": [(name.encode(), value.encode())]}
    await Access(front, {})(scope, None, None)
    given = {field: getattr(seen[0], field) for field in ("timeout_s", "silence_s", "disable_fallbacks")}
    assert {"timeout_s": None, "silence_s": None, "disable_fallbacks": False, **terms} == given
    assert CURRENT.get() is OPEN


def test_a_caller_has_one_key(monkeypatch):
    """A caller without a key, or with a variable that isn't set, is a mistake in the configuration."""
    with pytest.raises(ValueError, match="exactly one of key_env and key_file"):
        Caller(name="c")
    monkeypatch.delenv("KEY_OF_NOBODY", raising=False)
    with pytest.raises(ConfigError, match="'KEY_OF_NOBODY' is not set"):
        read_callers([Caller(name="c", key_env="KEY_OF_NOBODY")])
    assert [] == Config.model_fields["callers"].default
