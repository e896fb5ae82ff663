"""OpenRouter's failures: a number for a code, and metadata that say which of several causes a status has.

Statuses, codes and metadata: openrouter.ai/docs/api/reference/errors-and-debugging and the threads named in each row.
Most messages are the vendor's usual words, which were not seen in a capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from . import _ids
from ._edge_pages import page as edge
from ._failure_table import (
    PAGES,
    UNTOLD_S,
    FailureTable,
    Row,
    error_data,
    json_reply,
    now,
    seconds,
    wait_headers,
)
from .base import Headers, Reply

USER: Final = "user_2banst0rmfak3us3r0000000000"
HOST: Final = "openrouter.ai"
FREE_REQUESTS_PER_DAY: Final = 50
_BAD_PROVIDER: Final = {"provider_name": "OpenAI", "raw": '{"error":{"message":"upstream failed","code":502}}'}

TABLE: Final = FailureTable(
    "OpenRouter",
    {
        "bad_key": Row(401, "User not found."),
        "missing_key": Row(401, "No auth credentials found"),
        "oauth_expired": Row(401, "OAuth session expired"),
        "permission_denied": Row(403, "This key does not have permission to do that"),
        # without a wait this is for good
        "quota_exhausted": Row(402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
        # with a wait it passes: what runs at the moment may cost as much as the account may spend at once
        "ramp_limited": Row(402, "Too many requests in flight for your balance. Please retry shortly.", waits=True),
        # and this one request costs more than that by itself
        "request_over_limit": Row(402, "This request requires more credits, or fewer max_tokens."),
        "spend_capped": Row(403, "Key limit exceeded. Manage it using https://openrouter.ai/settings/keys"),
        "content_filtered": Row(403, "Your chosen model requires moderation and your input was flagged"),
        "rate_limited": Row(429, "Rate limit exceeded", waits=True),
        "daily_limited": Row(429, "Rate limit exceeded: free-models-per-day", waits=True),
        "timeout": Row(408, "Request timed out"),
        "upstream_error": Row(502, "Provider returned error"),
        "overloaded": Row(503, "No available model provider meets your routing requirements", waits=True),
        "server_error": Row(500, "Internal Server Error"),
        **{kind: Row(status, words) for kind, (status, words) in PAGES.items()},
        "model_not_found": Row(400, "{model} is not a valid model ID"),
        "model_retired": Row(404, "No endpoints found for {model}."),
        # refly-ai/refly#1177
        "context_too_long": Row(
            400,
            "This endpoint's maximum context length is {maximum} tokens. However, you requested about {requested} "
            'tokens ({requested} of text input). Please reduce the length of either one, or use the "middle-out" '
            "transform to compress your prompt automatically.",
        ),
        "bad_request": Row(400, "Invalid request parameters"),
        "request_too_large": Row(413, "Request Entity Too Large"),
        "unknown_url": Row(404, "Not Found"),
        "wrong_method": Row(405, "Method Not Allowed"),
        # something was generated already, so the status was sent
        "error_in_200": Row(200, "Provider returned error", code=502),
    },
    {"model": "openai/gpt-5.4-mini", "maximum": "32768", "requested": "42832"},
)


def body(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `code` and `metadata`, and fill in the message."""
    row = TABLE.row(kind, details)
    # a complaint about a request brings OpenAI's code, a word; here codes are numbers
    given = details.get("code")
    code = given if isinstance(given, int) else row.code or row.status
    error = {"code": code, "message": TABLE.message(kind, details)}
    metadata = details.get("metadata", _metadata(kind, details))
    if metadata:
        error["metadata"] = metadata
    return {"error": error, "user_id": USER} if code in {402, 403, 429} else {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; a 402 that passes is told by its `retry-after`, so that it always has one."""
    row = TABLE.row(kind, details)
    if (page := edge(kind, HOST, details, id_seed)) is not None:
        return page
    headers = response_headers(id_seed)
    if kind == "daily_limited":
        headers += [(name.lower(), value) for name, value in _free_limits(details).items()]
    if kind == "ramp_limited" and details.get("retry_after") is None:
        details = {**details, "retry_after": 1}
    headers += wait_headers(row, details)
    return json_reply(row.status, body(kind, details), headers)


def in_200(details: Mapping[str, Any], id_seed: int) -> Reply:
    """An `error_in_200` in the form that the request asked for; `cause` is the failure kind of the error.

    Raises:
        UnknownFailureError: when the vendor has no such cause.
    """
    cause = str(details.get("cause", "error_in_200"))
    if details.get("stream") is not True:
        return json_reply(200, body(cause, details), response_headers(id_seed))
    data = b": OPENROUTER PROCESSING\n\n" + error_data(chunk(cause, details, id_seed))
    return Reply(200, [("content-type", "text/event-stream"), *response_headers(id_seed)], data)


def chunk(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """The failure as a chunk of a stream that has begun: the error beside a choice that it finishes."""
    failed = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": None}
    before = details.get("chunk") or {}
    return {
        "id": before.get("id", "gen-0-" + _ids.letters(id_seed, "generation", 20)),
        "object": "chat.completion.chunk",
        "created": before.get("created", UNTOLD_S),
        "model": before.get("model", str(details.get("model", "openai/gpt-5.4-mini"))),
        "provider": before.get("provider", "OpenAI"),
        "error": body(kind, details)["error"],
        "choices": [failed],
    }


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries; a success says nothing of limits."""
    return [
        ("server", "cloudflare"),
        ("cf-ray", _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"),
        ("x-generation-id", "gen-0-" + _ids.letters(id_seed, "generation", 20)),
    ]


def _metadata(kind: str, details: Mapping[str, Any]) -> dict[str, Any] | None:
    match kind:
        case "ramp_limited":
            return {"limit_source": "openrouter_in_flight_budget"}
        case "quota_exhausted" | "request_over_limit":
            return {"limit_source": "openrouter_credits"}
        case "spend_capped":
            return {"limit_source": "openrouter_key_limit", "scope": "key", "limit_usd": 50, "spend_usd": 50}
        case "content_filtered":
            return {
                "reasons": ["violence"],
                "flagged_input": "the flagged text, at most 100 letters of it",
                "provider_name": "OpenAI",
                "model_slug": str(details.get("model", "openai/gpt-5.4-mini")),
            }
        case "upstream_error" | "error_in_200":
            return _BAD_PROVIDER
        case "daily_limited":
            return {"headers": _free_limits(details), "provider_name": None}
        case _:
            return None


def _free_limits(details: Mapping[str, Any]) -> dict[str, str]:
    """The limit of free models; the reset is an epoch in milliseconds."""
    reset = round((now(details) + seconds(details, 3600)) * 1000)
    return {
        "X-RateLimit-Limit": str(FREE_REQUESTS_PER_DAY),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset),
    }
