"""OpenAI's failures, word for word: routers and SDKs match on substrings of them. The words are in `_openai_rows.py`.

Details that every kind takes: `message`, `type`, `code` and `param` replace a field of the body, `variant` chooses
other words for the kind, `should_retry` ("true" or "false") sends the header that SDKs obey before all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from . import _edge_pages, _ids
from ._failure_table import header_text, now, seconds, used, worded
from ._openai_rows import ROWS, VARIANTS, Row
from .base import Headers, Reply

ORGANIZATION: Final = "org-Bn5tRm0fAk3pRoV1d3Rx9QzW"
"""The made-up organisation that the fake's keys belong to."""
PROJECT: Final = "proj_Bn5tRm0fAk3Pr0j3cT0000aZ"
DEFAULT_MODEL: Final = "gpt-5.4-mini"
REQUESTS_PER_MINUTE: Final = 10_000
TOKENS_PER_MINUTE: Final = 2_000_000
REQUESTS_PER_DAY: Final = 200_000
TOKENS_PER_DAY: Final = 200_000_000
HOST: Final = "api.openai.com"
RESPONSES: Final = "responses"
"""The detail `api` of a failure that the Responses API says: some words differ there (the variants of that name)."""

_ORGANIZATION_HEADER: Final = ("openai-organization", ORGANIZATION)
_GATEWAYS_ORDER: Final = frozenset({"region_blocked", "bad_gateway"})
"""Bodies whose keys come in another order; home-assistant/core#120072, stanfordnlp/dspy#203."""
_OWN_HEADERS: Final = 4
"""How many of `response_headers` the API itself sends; the content delivery network sends the rest."""
_RESPONSE_CODES: Final = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "data_residency_mismatch",
        "bio_policy",
        "misalignment_policy_violation",
    }
)
_RESPONSE_CODE_OF: Final = {"content_filtered": "invalid_prompt", "ramp_limited": "rate_limit_exceeded"}

KINDS: Final = frozenset(ROWS)


def response_headers(id_seed: int, processing_ms: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart."""
    digits = _ids.hexadecimal(id_seed, "request", 48)
    return [
        _ORGANIZATION_HEADER,
        ("openai-processing-ms", str(processing_ms)),
        ("openai-version", "2020-10-01"),
        ("x-request-id", "req_" + digits[:32]),
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("cf-ray", digits[32:] + "-FRA"),
    ]


def body(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `type`, `code` and `param`, and fill in the message."""
    row = _row(kind, details)
    blanks = _Blanks(details)
    error = {
        "message": details.get("message", row.message.format_map(blanks)),
        "type": details.get("type", row.type.format_map(blanks)),
        "param": details.get("param", row.param and row.param.format_map(blanks)),
        "code": details.get("code", row.code),
    }
    if kind in _GATEWAYS_ORDER:
        error = {key: error[key] for key in ("code", "message", "param", "type")}
    elif kind == "window_drained":
        error = {"type": error["type"], "message": error["message"], **_window(details)}
    return {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; `retry_after` (seconds, or any text) becomes a header where the kind has a wait.

    Moments at which a window resets count from `now_s` (seconds since 1970), for this function reads no clock. `status`
    chooses among the pages of `bad_gateway_page` and `edge_page`.
    """
    row = _row(kind, details)
    if kind == "bad_gateway_page":
        return _edge_pages.gateway_page(details, id_seed)
    if kind == "edge_page":
        return _edge_pages.edge_page(HOST, details, id_seed)
    data = orjson.dumps(body(kind, details))
    headers: Headers = [("content-type", "application/json; charset=utf-8"), ("content-length", str(len(data)))]
    whole = response_headers(id_seed, 7 + id_seed % 40)
    headers += whole[_OWN_HEADERS:] if kind == "bad_gateway" else whole  # the API itself never saw the request
    if kind == "rate_limited":
        headers += _drained(details)
    elif kind == "daily_limited":
        headers += _drained({"limit": "requests", **details}, REQUESTS_PER_DAY, TOKENS_PER_DAY)
    elif kind == "request_over_limit":
        headers += limits(0)
    elif kind == "window_drained":
        headers += _window_headers(details)
    if row.status in {429, 503}:
        headers += _wait(details.get("retry_after"))
    if "should_retry" in details:
        headers.append(("x-should-retry", header_text(details["should_retry"]).lower()))
    return Reply(row.status, headers, data)


def response_id(id_seed: int) -> str:
    """The id of a response of the Responses API."""
    return "resp_" + _ids.hexadecimal(id_seed, "response", 50)


def failed_response(
    kind: str, details: Mapping[str, Any], id_seed: int, *, error: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A response of the Responses API that failed after it was taken: its own status says so, the HTTP status is 200.

    Its error has fewer codes than a refused request's (the official SDK 3.51, `response_error.py`).
    """
    error = body(kind, details)["error"] if error is None else error
    code = error.get("code")
    return {
        "id": str(details.get("response_id", response_id(id_seed))),
        "object": "response",
        "created_at": int(details.get("created_s", now(details))),
        "status": "failed",
        "error": {
            "code": code if code in _RESPONSE_CODES else _RESPONSE_CODE_OF.get(kind, "server_error"),
            "message": error["message"],
        },
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": str(details.get("model", DEFAULT_MODEL)),
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _window(details: Mapping[str, Any]) -> dict[str, Any]:
    wait_s = _window_wait(details)
    plan = str(details.get("plan_type", "plus"))
    return {"plan_type": plan, "resets_at": int(now(details) + wait_s), "resets_in_seconds": wait_s}


def _window_headers(details: Mapping[str, Any]) -> Headers:
    """What the subscription's backend adds; earendil-works/pi#4172, icebear0828/codex-proxy#65."""
    wait_s = _window_wait(details)
    return [
        ("x-codex-plan-type", str(details.get("plan_type", "plus"))),
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-after-seconds", str(wait_s)),
        ("x-codex-primary-reset-at", str(int(now(details) + wait_s))),
    ]


def _window_wait(details: Mapping[str, Any]) -> int:
    return int(seconds(details, 13_872))


@lru_cache(maxsize=4096)
def limits(tokens: int) -> tuple[tuple[str, str], ...]:
    """Rate-limit headers of a request that took `tokens` out of full buckets; resets are durations, not times."""
    return (
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1)),
        ("x-ratelimit-remaining-tokens", str(max(0, TOKENS_PER_MINUTE - tokens))),
        ("x-ratelimit-reset-requests", duration(60 / REQUESTS_PER_MINUTE)),
        ("x-ratelimit-reset-tokens", duration(60 * tokens / TOKENS_PER_MINUTE)),
    )


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


def _drained(
    details: Mapping[str, Any], requests_max: int = REQUESTS_PER_MINUTE, tokens_max: int = TOKENS_PER_MINUTE
) -> Headers:
    reset = duration(seconds(details, 60))
    requests = _limit(details) == "requests"
    return [
        ("x-ratelimit-limit-requests", str(requests_max)),
        ("x-ratelimit-limit-tokens", str(tokens_max)),
        ("x-ratelimit-remaining-requests", "0" if requests else str(requests_max - 1)),
        ("x-ratelimit-remaining-tokens", str(tokens_max) if requests else "0"),
        ("x-ratelimit-reset-requests", reset if requests else duration(60 / REQUESTS_PER_MINUTE)),
        ("x-ratelimit-reset-tokens", "0s" if requests else reset),
    ]


def _wait(retry_after: Any) -> Headers:
    return [] if retry_after is None else [("retry-after", header_text(retry_after))]


def _limit(details: Mapping[str, Any]) -> str:
    return "requests" if details.get("limit") == "requests" else "tokens"


def _row(kind: str, details: Mapping[str, Any]) -> Row:
    if details.get("api") == RESPONSES and details.get("variant") is None and (kind, RESPONSES) in VARIANTS:
        return VARIANTS[kind, RESPONSES]
    return worded("OpenAI", ROWS, VARIANTS, kind, details)


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        wait = self.get("retry_after")
        counted = _limit(self)
        filled = {
            "model": DEFAULT_MODEL,
            "project": PROJECT,
            "organization": ORGANIZATION,
            "counted": counted,
            "counted_daily": "tokens" if self.get("limit") == "tokens" else "requests",
            "short": "RPM" if counted == "requests" else "TPM",
            "short_daily": "TPD" if self.get("limit") == "tokens" else "RPD",
            "again": f" Please try again in {duration(wait)}." if isinstance(wait, int | float) and wait > 0 else "",
            "over_ceiling": str(self.get("requested", TOKENS_PER_MINUTE + 601)),
            "maximum": "272000",
            "prompted": self.get("requested", 272_027),
            "prompted_whole": self.get("requested", 304_000),
            "in_messages": "240000",
            "in_completion": "64000",
            "asked_tokens": "200000",
            "most_tokens": "128000",
            "param": "max_tokens",
            "use": "" if "param" in self and "instead" not in self else f" Use '{self._instead()}' instead.",
            "masked": mask(str(self.get("credential") or "sk-proj-Qn9cWGU0000Rvfb")),
            "method": "POST",
            "path": "/v1",
        }
        return str(filled[name]) if name in filled else self._figure(name, counted)

    def _instead(self) -> str:
        return str(self.get("instead", "max_completion_tokens"))

    def _figure(self, name: str, counted: str) -> str:
        """The figures of a limit, which a quota tells and nobody else does."""
        daily = name.endswith("_daily")
        if daily:
            counted = "tokens" if self.get("limit") == "tokens" else "requests"
        requests = counted == "requests"
        usual = (REQUESTS_PER_DAY, TOKENS_PER_DAY) if daily else (REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE)
        ceiling = self.get("ceiling", usual[0] if requests else usual[1])
        figures = {
            "ceiling": ceiling,
            "used": used(self, ceiling),
            "requested": self.get("requested", 1 if requests else 2481),
        }
        return str(figures[name.removesuffix("_daily")])


def mask(credential: str) -> str:
    """A key as OpenAI's error shows it: the first 8 and the last 4 letters."""
    return f"{credential[:8]}{'*' * max(4, min(len(credential) - 12, 40))}{credential[-4:]}"
