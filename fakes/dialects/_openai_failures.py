"""OpenAI's failures, word for word: routers and SDKs match on substrings of them.

Statuses, types, codes and messages: OpenAI's error guide and the threads named in each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _ids
from .base import Headers, Reply, UnknownFailureError

ORGANIZATION: Final = "org-Bn5tRm0fAk3pRoV1d3Rx9QzW"
"""The made-up organisation that the fake's keys belong to."""
PROJECT: Final = "proj_Bn5tRm0fAk3Pr0j3cT0000aZ"
DEFAULT_MODEL: Final = "gpt-5.4-mini"
REQUESTS_PER_MINUTE: Final = 10_000
TOKENS_PER_MINUTE: Final = 2_000_000

_INVALID: Final = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None


_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        # BerriAI/litellm#1356; the key is shown as its first 8 and last 4 letters
        "bad_key": _Row(
            401,
            _INVALID,
            "invalid_api_key",
            "Incorrect API key provided: {masked}. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
        ),
        "missing_key": _Row(
            401,
            _INVALID,
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
            "auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're "
            "accessing the API from your browser and are prompted for a username and password. You can obtain an API "
            "key from https://platform.openai.com/account/api-keys.",
        ),
        # nat/openplayground#143, songquanpeng/one-api#271
        "org_disabled": _Row(
            401,
            _INVALID,
            "account_deactivated",
            "The OpenAI account associated with this API key has been deactivated. If you are the developer for this "
            "OpenAI app, please check your email for more information. If you are seeing this error while using "
            "another app or site, please reach out to them for more help.",
        ),
        # subscription tokens (Codex); NousResearch/hermes-agent#44799
        "oauth_revoked": _Row(
            401,
            _INVALID,
            "token_invalidated",
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
        # Aider-AI/aider#1903, continuedev/continue#10120
        "permission_denied": _Row(
            403, _INVALID, "model_not_found", "Project `{project}` does not have access to model `{model}`"
        ),
        # home-assistant/core#120072
        "region_blocked": _Row(
            403,
            "request_forbidden",
            "unsupported_country_region_territory",
            "Country, region, or territory not supported",
        ),
        # FoundationAgents/MetaGPT#523
        "rate_limited": _Row(
            429,
            "{counted}",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization {organization} on {counted} per min ({short}): "
            "Limit {ceiling}, Used {ceiling}, Requested {requested}.{again} "
            "Visit https://platform.openai.com/account/rate-limits to learn more.",
        ),
        # the code since 2026: help.openai.com/en/articles/6614457; the words: langchain-ai/langchainjs#1929
        "quota_exhausted": _Row(
            429,
            "insufficient_quota",
            "credit_balance_exhausted",
            "You exceeded your current quota, please check your plan and billing details. For more information on this "
            "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        ),
        "overloaded": _Row(
            503,
            "service_unavailable_error",
            "server_is_overloaded",
            "Our servers are currently overloaded. Please try again later.",
        ),
        "server_error": _Row(
            500,
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
        "model_not_found": _Row(
            404,
            _INVALID,
            "model_not_found",
            "The model `{model}` does not exist or you do not have access to it.",
        ),
        # mckaywrigley/chatbot-ui#102
        "context_too_long": _Row(
            400,
            _INVALID,
            "context_length_exceeded",
            "This model's maximum context length is {maximum} tokens. However, your messages resulted in {requested} "
            "tokens. Please reduce the length of the messages.",
            param="messages",
        ),
        "bad_request": _Row(400, _INVALID, None, "Invalid request."),
        "unknown_url": _Row(404, _INVALID, None, "Invalid URL ({method} {path})"),
        "wrong_method": _Row(
            405,
            _INVALID,
            "method_not_supported",
            "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
        ),
        # no capture found; the envelope is the vendor's, the words are ours
        "request_too_large": _Row(413, _INVALID, "request_too_large", "The request body is too large."),
    }
)

KINDS: Final = frozenset(_ROWS)


def response_headers(id_seed: int, processing_ms: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart."""
    return [
        ("openai-organization", ORGANIZATION),
        ("openai-processing-ms", str(processing_ms)),
        ("openai-version", "2020-10-01"),
        ("x-request-id", "req_" + _ids.hexadecimal(id_seed, "request", 32)),
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("cf-ray", _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"),
    ]


def body(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `type`, `code` and `param`, and fill in the message."""
    row = _row(kind)
    error = {
        "message": details.get("message", row.message.format_map(_Blanks(details))),
        "type": details.get("type", row.type.format_map(_Blanks(details))),
        "param": details.get("param", row.param),
        "code": details.get("code", row.code),
    }
    if kind == "region_blocked":  # the one body whose keys come in another order; home-assistant/core#120072
        error = {key: error[key] for key in ("code", "message", "param", "type")}
    return {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; `retry_after` (seconds, or any text) becomes a header where the kind has a wait."""
    row = _row(kind)
    data = orjson.dumps(body(kind, details))
    headers: Headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", str(len(data))),
        *response_headers(id_seed, 7 + id_seed % 40),
    ]
    if kind == "rate_limited":
        headers += _drained(details)
    if row.status in {429, 503}:
        headers += _wait(details.get("retry_after"))
    return Reply(row.status, headers, data)


def limits(tokens: int) -> Headers:
    """Rate-limit headers of a request that took `tokens` out of full buckets; resets are durations, not times."""
    return [
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1)),
        ("x-ratelimit-remaining-tokens", str(max(0, TOKENS_PER_MINUTE - tokens))),
        ("x-ratelimit-reset-requests", duration(60 / REQUESTS_PER_MINUTE)),
        ("x-ratelimit-reset-tokens", duration(60 * tokens / TOKENS_PER_MINUTE)),
    ]


def duration(seconds: float) -> str:
    """`seconds` as OpenAI's reset headers have it, a Go duration: ``6ms``, ``1.5s``, ``6m0s``, ``1h2m3s``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def _drained(details: Mapping[str, Any]) -> Headers:
    wait = details.get("retry_after")
    reset = duration(wait) if isinstance(wait, int | float) and 0 < wait < 1e9 else duration(60)
    requests = _limit(details) == "requests"
    return [
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", "0" if requests else str(REQUESTS_PER_MINUTE - 1)),
        ("x-ratelimit-remaining-tokens", str(TOKENS_PER_MINUTE) if requests else "0"),
        ("x-ratelimit-reset-requests", reset if requests else duration(60 / REQUESTS_PER_MINUTE)),
        ("x-ratelimit-reset-tokens", "0s" if requests else reset),
    ]


def _wait(retry_after: Any) -> Headers:
    if retry_after is None:
        return []
    text = f"{retry_after:g}" if isinstance(retry_after, float) else str(retry_after)
    return [("retry-after", text)]


def _limit(details: Mapping[str, Any]) -> str:
    return "requests" if details.get("limit") == "requests" else "tokens"


def _row(kind: str) -> _Row:
    try:
        return _ROWS[kind]
    except KeyError:
        raise UnknownFailureError(f"OpenAI has no failure {kind!r}; it has {', '.join(sorted(KINDS))}") from None


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        wait = self.get("retry_after")
        filled = {
            "model": DEFAULT_MODEL,
            "project": PROJECT,
            "organization": ORGANIZATION,
            "counted": _limit(self),
            "short": "RPM" if _limit(self) == "requests" else "TPM",
            "ceiling": str(REQUESTS_PER_MINUTE if _limit(self) == "requests" else TOKENS_PER_MINUTE),
            "requested": "1" if _limit(self) == "requests" else "2481",
            "again": f" Please try again in {duration(wait)}." if isinstance(wait, int | float) and wait > 0 else "",
            "maximum": "272000",
            "masked": mask(str(self.get("credential") or "sk-proj-Qn9cWGU0000Rvfb")),
            "method": "POST",
            "path": "/v1",
        }
        return filled[name]


def mask(credential: str) -> str:
    """A key as OpenAI's error shows it: the first 8 and the last 4 letters."""
    return f"{credential[:8]}{'*' * max(4, min(len(credential) - 12, 40))}{credential[-4:]}"
