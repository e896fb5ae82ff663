"""What the official SDKs make of the faults, played by the inline host over real connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from banstorm.fakes.dialects import find

SDKS = {"openai": openai, "anthropic": anthropic}
BACKOFF = "backoff"
"""The SDK's own wait: half a second, then a second, each less up to a quarter."""
WAITS = [
    # what is sent with a 429, what OpenAI's SDK waits before each further try, and what Anthropic's does; None: no try
    ({}, BACKOFF, BACKOFF),
    ({"retry_after": "2s"}, 2, 2),
    ({"retry_after": "fraction 1500ms"}, 1.5, 1.5),
    ({"retry_after": "date 30s"}, (20, 30), (20, 30)),
    ({"retry_after": "0s"}, BACKOFF, BACKOFF),
    ({"retry_after": "-5s"}, BACKOFF, BACKOFF),
    ({"retry_after": "date -30s"}, BACKOFF, BACKOFF),
    ({"retry_after": "text soon"}, BACKOFF, BACKOFF),
    ({"retry_after": "60s"}, 60, 60),
    ({"retry_after": "90s"}, 90, BACKOFF),
    ({"retry_after": "120s"}, 120, BACKOFF),
    ({"retry_after": "121s"}, None, BACKOFF),
    ({"retry_after": "1176h"}, None, BACKOFF),
    ({"retry_after": "60s", "retry_after_ms": "250ms"}, 0.25, 0.25),
    ({"retry_after": "2s", "should_retry": False}, None, None),
    ({"retry_after": "5s", "reset": "6m"}, 5, 5),
]
EFFECTS = [
    # fault, parameters, sdk, its exception, status
    ("key_revoked", {}, "openai", "AuthenticationError", 401),
    ("key_revoked", {}, "anthropic", "AuthenticationError", 401),
    ("oauth_expired", {}, "anthropic", "AuthenticationError", 401),
    ("oauth_expired", {}, "openai", "AuthenticationError", 401),
    ("third_party_refused", {}, "anthropic", "BadRequestError", 400),
    ("region_blocked", {}, "openai", "PermissionDeniedError", 403),
    ("region_blocked", {}, "anthropic", "PermissionDeniedError", 403),
    ("billing_problem", {}, "openai", "RateLimitError", 429),
    ("billing_problem", {}, "anthropic", "APIStatusError", 402),
    ("quota_exhausted", {"variant": "2023"}, "openai", "RateLimitError", 429),
    ("quota_exhausted", {}, "anthropic", "BadRequestError", 400),
    ("spend_capped", {}, "anthropic", "BadRequestError", 400),
    ("tier_capped", {}, "openai", "RateLimitError", 429),
    ("tier_capped", {}, "anthropic", "RateLimitError", 429),
    ("ramp_limited", {}, "anthropic", "RateLimitError", 429),
    ("window_drained", {}, "anthropic", "RateLimitError", 429),
    ("daily_limited", {}, "openai", "RateLimitError", 429),
    ("request_over_limit", {}, "anthropic", "RateLimitError", 429),
    ("server_error", {}, "openai", "InternalServerError", 500),
    ("timeout", {"after": "1ms"}, "anthropic", "InternalServerError", 504),
    ("bad_gateway", {}, "openai", "InternalServerError", 502),
    ("bad_gateway_page", {"status": 504}, "anthropic", "InternalServerError", 504),
    ("edge_page", {"status": 524}, "openai", "InternalServerError", 524),
    ("edge_page", {"status": 530}, "anthropic", "InternalServerError", 530),
    ("overloaded", {"variant": "429"}, "openai", "RateLimitError", 429),
    ("brownout", {"refused": "100%", "delay": "1ms", "full_after": "1us"}, "anthropic", "OverloadedError", 529),
    ("model_not_found", {}, "openai", "NotFoundError", 404),
    ("model_retired", {}, "anthropic", "NotFoundError", 404),
    ("context_too_long", {}, "openai", "BadRequestError", 400),
    ("max_tokens_lowered", {"to": "20 tokens"}, "anthropic", "BadRequestError", 400),
    ("max_tokens_lowered", {"to": "99 tokens"}, "anthropic", None, 200),
    ("unsupported_parameter", {"param": "messages"}, "openai", "BadRequestError", 400),
    ("unsupported_parameter", {"param": "seed"}, "openai", None, 200),
    ("content_filtered", {}, "anthropic", "BadRequestError", 400),
    ("content_filtered", {"variant": "output"}, "openai", None, 200),
    ("model_aliased", {"to": "other"}, "openai", None, 200),
    ("oauth_refresh_down", {}, "anthropic", None, 200),
]
ENTRIES = [("rate_limited", parameters, sdk) for parameters, *_ in WAITS for sdk in SDKS]
ENTRIES += [(fault, parameters, sdk) for fault, parameters, sdk, *_ in EFFECTS]


@pytest.fixture(scope="module")
def ports(long_stage, scenario_of) -> Iterator[dict[str, int]]:
    """Where the providers listen, with a model for each entry."""
    timeline = [
        {"at": "0s", "on": sdk, "fault": fault, "with": parameters, "model": f"m{index}"}
        for index, (fault, parameters, sdk) in enumerate(ENTRIES)
    ]
    host = long_stage.host("inline", scenario_of(timeline))
    yield host.ports
    host.stop()


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """What the SDK would have slept, in seconds."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture(scope="module")
def create(ports) -> Iterator[Callable[..., Any]]:
    """Asks by the SDK for which an entry is: ``create(entry, **options)``."""
    clients: dict[str, Any] = {}
    for sdk in SDKS:
        dialect, kind = find(sdk), openai.OpenAI if sdk == "openai" else anthropic.Anthropic
        clients[sdk] = kind(base_url=f"http://127.0.0.1:{ports[sdk]}{dialect.base_path}", api_key=dialect.key_example)

    def ask(entry: int, **options: Any) -> Any:
        sdk = ENTRIES[entry][2]
        client = clients[sdk].with_options(**options)
        api = client.chat.completions if sdk == "openai" else client.messages
        return api.create(model=f"m{entry}", max_tokens=50, messages=[{"role": "user", "content": "hello"}])

    yield ask
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("index", range(len(WAITS)), ids=[str(row[0]) for row in WAITS])
def test_what_each_sdk_makes_of_a_wait(create, waits, index, sdk):
    """Which waits an SDK obeys, which it replaces by its own, and which make it give up at once."""
    expected = WAITS[index][1 + list(SDKS).index(sdk)]
    with pytest.raises(SDKS[sdk].RateLimitError):
        create(2 * index + list(SDKS).index(sdk))
    if expected is None:
        assert [] == waits
    elif expected == BACKOFF:
        assert 2 == len(waits)
        assert 0.375 <= waits[0] <= 0.5
        assert 0.75 <= waits[1] <= 1.0
    elif isinstance(expected, tuple):  # a date of whole seconds, from which some time has passed
        assert 2 == len(waits)
        assert all(expected[0] <= each <= expected[1] for each in waits)
    else:
        assert [expected, expected] == waits


@pytest.mark.parametrize("index", range(len(EFFECTS)), ids=[f"{row[2]}-{row[0]}-{row[3]}" for row in EFFECTS])
def test_what_each_sdk_makes_of_a_fault(create, index):
    """Each fault is the exception that its SDK has for it, with the status; what is not concerned is answered."""
    fault, _, sdk, exception, status = EFFECTS[index]
    entry = 2 * len(WAITS) + index
    if exception is None:
        answer = create(entry, max_retries=0)
        assert ("other" if fault == "model_aliased" else f"m{entry}") == answer.model
        return
    with pytest.raises(SDKS[sdk].APIStatusError) as raised:
        create(entry, max_retries=0)
    assert (exception, status) == (type(raised.value).__name__, raised.value.status_code)
