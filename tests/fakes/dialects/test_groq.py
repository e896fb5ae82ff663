from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Answer, Ask, Tool

GROQ = find("groq")


def ask(**changes: Any) -> Ask:
    """A question for three words."""
    mark = Mark("7f3a9c", 5, Shape.TEXT, 3)
    return Ask("openai/gpt-oss-20b", stream=True, text="", mark=mark, input_tokens=11, **changes)


def answer(asked: Ask) -> Answer:
    """Its answer."""
    return compose(asked, "groq", id_seed=7, created_s=1_757_714_116)


def events(**changes: Any) -> list[bytes]:
    """A stream."""
    asked = ask(**changes)
    return [event.data for event in GROQ.stream(asked, answer(asked))]


def test_stream_to_the_letter() -> None:
    """The first and the last chunk carry the request's id, the last one the usage too, though nobody asked for it."""
    first, second, *_, last, done = events(body={"seed": 5})
    head = (
        rb'data: \{"id":"chatcmpl-[0-9a-f-]{36}","object":"chat\.completion\.chunk","created":1757714116,'
        rb'"model":"openai/gpt-oss-20b","system_fingerprint":"fp_[0-9a-f]{10}","choices":\[\{"index":0,"delta":'
    )
    interior = rb',"logprobs":null,"finish_reason":null\}\]'
    request = rb'"id":"req_01[0-9a-z]{24}"'
    opening = rb'\{"role":"assistant","content":""\}'
    assert re.fullmatch(head + opening + interior + rb',"x_groq":\{' + request + rb"\}\}\n\n", first)
    assert re.fullmatch(head + rb'\{"content":"~7f3a9c\.5\.groq\.1\.3\.\w{4} "\}' + interior + rb"\}\n\n", second)
    assert done == b"data: [DONE]\n\n"
    chunk = orjson.loads(last[6:])
    assert chunk["choices"][0]["finish_reason"] == "stop"
    assert chunk["x_groq"]["id"] == orjson.loads(first[6:])["x_groq"]["id"]
    assert chunk["x_groq"]["seed"] == 5
    usage = chunk["x_groq"]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 3, 14)
    assert usage["total_time"] == usage["prompt_time"] + usage["completion_time"] > 0
    assert usage["queue_time"] > 0


def test_usage_asked_for() -> None:
    """Asked for, the usage comes once more, in a chunk without choices."""
    *_, usage, _ = events(include_usage=True)
    chunk = orjson.loads(usage[6:])
    assert (chunk["choices"], chunk["usage"]["total_tokens"]) == ([], 14)


def test_tool_call_comes_whole() -> None:
    """A streamed tool call is one chunk; its tokens still take their time."""
    made = events(tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice=f"tool:{TOOL_NAME}")
    with_call = [event for event in made if b'"tool_calls":[' in event]
    assert len(with_call) == 1
    assert made.count(b"") == 2
    assert with_call[0].count(b"~") == 3


def test_x_groq_error() -> None:
    """A stream can also end with a chunk that mentions an error where the SDK doesn't look."""
    event = GROQ.error_event("overloaded", {"form": "x_groq", "message": "stopped"}, id_seed=1)
    assert orjson.loads(event[6:])["x_groq"]["error"] == "stopped"
    assert "error" not in orjson.loads(event[6:])


def test_headers() -> None:
    """Requests are counted a day and tokens a minute; resets are durations; no wait is named with a success."""
    asked = ask()
    headers = dict(GROQ.write(asked, answer(asked)).headers)
    assert headers["x-ratelimit-limit-requests"] == "500000"
    assert headers["x-ratelimit-remaining-tokens"] == str(300_000 - 14)
    assert re.fullmatch(r"\d+ms", headers["x-ratelimit-reset-requests"])
    assert re.fullmatch(r"\d+ms", headers["x-ratelimit-reset-tokens"])
    assert re.fullmatch(r"req_01[0-9a-z]{24}", headers["x-request-id"])
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("kind", "details", "says", "headers"),
    [
        ("rate_limited", {}, "on tokens per minute (TPM): Limit 300000,", {"x-ratelimit-remaining-tokens": "0"}),
        (
            "rate_limited",
            {"retry_after": 90},
            "Please try again in 1m30s.",
            {"retry-after": "90", "x-ratelimit-reset-tokens": "1m30s"},
        ),
        (
            "rate_limited",
            {"limit": "requests"},
            "on requests per minute (RPM)",
            {"x-ratelimit-remaining-tokens": "300000"},
        ),
        ("daily_limited", {"retry_after": 578.016}, "on tokens per day (TPD)", {"retry-after": "578.016"}),
        ("daily_limited", {}, "Please try again in 9m38.016s. Need more tokens? Upgrade to Dev Tier today at", {}),
        ("daily_limited", {"limit": "requests"}, "on requests per day (RPD)", {"x-ratelimit-remaining-requests": "0"}),
    ],
)
def test_limits(kind: str, details: dict[str, Any], says: str, headers: dict[str, str]) -> None:
    """Which limit was hit stands in the message; headers know of requests a day and tokens a minute alone."""
    reply = GROQ.failure(kind, details, id_seed=1)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"]) == (429, "rate_limit_exceeded")
    assert error["type"] == details.get("limit", "tokens")
    assert says in error["message"]
    assert headers.items() <= dict(reply.headers).items()


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        (
            "org_disabled",
            400,
            "Organization has been restricted. Please reach out to support if you believe this was in error.",
        ),
        ("org_disabled", 400, '"code":"organization_restricted"'),
        ("request_over_limit", 413, "please reduce your message size and try again."),
        ("request_over_limit", 413, '"type":"tokens","code":"rate_limit_exceeded"'),
        ("model_not_found", 404, "does not exist or you do not have access to it."),
        ("capacity_exceeded", 498, "capacity_exceeded"),
        ("max_tokens_too_high", 400, "`max_tokens` must be less than or equal to `16384`"),
        ("overloaded", 503, ""),
        ("bad_key", 401, "Invalid API Key"),
    ],
)
def test_failures_word_for_word(kind: str, status: int, says: str) -> None:
    """What routers match on is there to the letter; no error has a `param`."""
    reply = GROQ.failure(kind, {}, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()
    assert "param" not in orjson.loads(reply.body)["error"]


def test_x_groq_error_goes_on() -> None:
    """Such a chunk belongs to the stream that it ends."""
    begun = events()[:3]
    event = GROQ.error_event("overloaded", {"form": "x_groq"}, id_seed=1, after=b"".join(begun))
    last, chunk = orjson.loads(begun[-1][6:]), orjson.loads(event[6:])
    assert {key: chunk[key] for key in ("id", "created", "model")} == {
        key: last[key] for key in ("id", "created", "model")
    }
    assert chunk["x_groq"]["error"].startswith("Service unavailable")


@pytest.mark.parametrize(
    ("details", "code", "says", "generated"),
    [
        ({}, "tool_use_failed", "Failed to call a function.", "<function="),
        ({"failed_generation": "{"}, "tool_use_failed", "Failed to call a function.", "{"),
        (
            {"variant": "schema", "tool": "f", "problem": "p"},
            "tool_use_failed",
            "tool f did not match schema: errors: [p]",
            "<",
        ),
        ({"variant": "json"}, "json_validate_failed", "Failed to generate JSON.", "<"),
    ],
)
def test_tool_call_failed(details: dict[str, Any], code: str, says: str, generated: str) -> None:
    """What the model wrote in vain comes with the refusal."""
    reply = GROQ.failure("tool_call_failed", details, id_seed=1)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"]) == (400, code)
    assert says in error["message"]
    assert error["failed_generation"].startswith(generated)


@pytest.mark.parametrize(
    ("kind", "details", "status", "says"),
    [
        ("bad_gateway_page", {}, 502, "<title>502 Bad Gateway</title>"),
        ("edge_page", {"status": 522}, 522, "api.groq.com | 522: Connection timed out"),
        ("region_blocked", {}, 403, "Attention Required! | Cloudflare"),
    ],
)
def test_pages(kind: str, details: dict[str, Any], status: int, says: str) -> None:
    """The edge speaks HTML, and knows nothing of requests' ids."""
    reply = GROQ.failure(kind, details, id_seed=1)
    assert reply.status == status
    assert says in reply.body.decode()
    assert "x-request-id" not in dict(reply.headers)
    assert orjson.loads(GROQ.error_event(kind, {}, id_seed=1)[6:])["error"]["message"]


@pytest.mark.parametrize(("remaining", "used"), [(None, "900"), (0, "900"), (300, "600")])
def test_a_quotas_figures(remaining: int | None, used: str) -> None:
    """What a quota says of itself stands in the message."""
    details: dict[str, Any] = {"limit": "tokens", "ceiling": 900, "requested": 40}
    if remaining is not None:
        details["remaining"] = remaining
    message = orjson.loads(GROQ.failure("rate_limited", details, id_seed=1).body)["error"]["message"]
    assert f"Limit 900, Used {used}, Requested 40." in message
