"""Anthropic's failures, word for word: routers and SDKs match on substrings of them. The words: `_anthropic_rows.py`.

Details that every kind takes: `message`, `type` and `error_code` replace a field of the body, `appeal_url` joins the
code, `variant` chooses other words for the kind, `should_retry` ("true" or "false") sends the header that SDKs obey.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from . import _anthropic_refusal, _edge_pages, _ids
from ._anthropic_rows import ROWS, VARIANTS, Row
from ._failure_table import worded
from .base import Headers, Reply, UnknownFailureError

ORGANIZATION: Final = "b3a57042-0fa4-4e0b-9a11-5ca1ab1e0001"
"""The made-up organisation that the fake's keys belong to."""
DEFAULT_MODEL: Final = "claude-sonnet-5"
REQUESTS_PER_MINUTE: Final = 4_000
INPUT_TOKENS_PER_MINUTE: Final = 2_000_000
OUTPUT_TOKENS_PER_MINUTE: Final = 400_000
HOST: Final = "api.anthropic.com"
WINDOW_WAIT_S: Final = 7999
"""How long a drained window asks to wait unless told otherwise, in seconds (opencodex#3809)."""

_WITH_A_WAIT: Final = frozenset({"rate_limited", "ramp_limited", "window_drained", "overloaded"})
_CLAIMS: Final = ("five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet")

KINDS: Final = frozenset(ROWS)
_BLOCK: Final = re.compile(rb'"type": ?"content_block_(start|delta|stop)", ?"index": ?(\d{1,9})')


def request_id(id_seed: int) -> str:
    """The id in the `request-id` header and in error bodies."""
    return "req_011C" + _ids.letters(id_seed, "request", 20, _ids.BASE58)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart (a capture in R's tidyllm has them)."""
    return [
        ("request-id", request_id(id_seed)),
        ("anthropic-organization-id", ORGANIZATION),
        *_edge_headers(id_seed),
        ("via", "1.1 google"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-robots-tag", "none"),
    ]


def body(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `type` and `error_code`, and fill in the message."""
    row = _row(kind, details)
    error = {
        "type": details.get("type", row.type),
        "message": details.get("message", row.message.format_map(_Blanks(_grouped(details)))),
    }
    error_code = details.get("error_code", row.error_code)
    if error_code is not None:
        error["details"] = {"error_code": error_code}
        if "appeal_url" in details:
            error["details"]["appeal_url"] = details["appeal_url"]
    if _from_the_edge(kind, row):
        return {"error": error}
    return {"type": "error", "error": error, "request_id": request_id(id_seed)}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response.

    `retry_after` (seconds, or any text) becomes a header where the kind has a wait. `now_s` (seconds since 1970) adds
    the moments at which limits reset: whoever knows the time gives it, as a fake does for its own refusals. Without it
    they are left out, since a wrong moment is worse than none and this function reads no clock. `status` chooses among
    the pages of `bad_gateway_page` and `edge_page`; a refusal comes as a stream if `stream` is true.
    """
    row = _row(kind, details)
    if kind == "bad_gateway_page":
        return _edge_pages.gateway_page(details, id_seed)
    if kind == "edge_page":
        return _edge_pages.edge_page(HOST, details, id_seed)
    if row.status == 200:
        return _anthropic_refusal.reply(details, id_seed, response_headers(id_seed))
    data = orjson.dumps(body(kind, details, id_seed))
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    headers += _edge_headers(id_seed) if _from_the_edge(kind, row) else response_headers(id_seed)
    wait = details.get("retry_after")
    if kind == "rate_limited":
        headers += _drained(details)
    elif kind == "window_drained":
        wait = details.get("retry_after", WINDOW_WAIT_S)
        headers += _window(details, wait)
    if kind in _WITH_A_WAIT and wait is not None:
        headers.append(("retry-after", _seconds(wait)))
    if "should_retry" in details:
        headers.append(("x-should-retry", str(details["should_retry"]).lower()))
    return Reply(row.status, headers, data)


def error_event(kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
    """The failure inside a stream that has begun: an ``error`` event, or the end that a refusal puts to it."""
    if _row(kind, details).status == 200:
        return _anthropic_refusal.ending(details)
    return b"event: error\ndata: " + orjson.dumps({"type": "error", **body(kind, details, id_seed)}) + b"\n\n"


def standing(after: bytes) -> dict[str, Any]:
    """Where a stream stands after these bytes of it: the number of its last block, and whether it is open."""
    blocks = _BLOCK.findall(after)
    return {"index": int(blocks[-1][1]), "block_open": blocks[-1][0] != b"stop"} if blocks else {}


def limits(input_tokens: int, output_tokens: int, now_s: int) -> Headers:
    """Rate-limit headers of a request that took its tokens out of full buckets; token counts are in thousands."""
    left_in = max(0, INPUT_TOKENS_PER_MINUTE - input_tokens)
    left_out = max(0, OUTPUT_TOKENS_PER_MINUTE - output_tokens)
    reset = moment(now_s + 1)
    return [
        ("anthropic-ratelimit-requests-limit", str(REQUESTS_PER_MINUTE)),
        ("anthropic-ratelimit-requests-remaining", str(REQUESTS_PER_MINUTE - 1)),
        ("anthropic-ratelimit-requests-reset", reset),
        ("anthropic-ratelimit-input-tokens-limit", str(INPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-input-tokens-remaining", _thousands(left_in)),
        ("anthropic-ratelimit-input-tokens-reset", reset),
        ("anthropic-ratelimit-output-tokens-limit", str(OUTPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-output-tokens-remaining", _thousands(left_out)),
        ("anthropic-ratelimit-output-tokens-reset", reset),
        ("anthropic-ratelimit-tokens-limit", str(INPUT_TOKENS_PER_MINUTE + OUTPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-tokens-remaining", _thousands(left_in + left_out)),
        ("anthropic-ratelimit-tokens-reset", reset),
    ]


@lru_cache(maxsize=4)
def moment(at_s: int) -> str:
    """`at_s` (seconds since 1970) as Anthropic's reset headers have it, RFC 3339: ``2026-11-20T12:40:59Z``."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _drained(details: Mapping[str, Any]) -> Headers:
    family = _family(details)
    ceilings = {
        "requests": REQUESTS_PER_MINUTE,
        "input-tokens": INPUT_TOKENS_PER_MINUTE,
        "output-tokens": OUTPUT_TOKENS_PER_MINUTE,
    }
    now_s, wait = details.get("now_s"), details.get("retry_after")
    wait_s = wait if isinstance(wait, int | float) and 0 <= wait < 1e9 else 60
    headers: Headers = []
    for name, ceiling in ceilings.items():
        headers.append((f"anthropic-ratelimit-{name}-limit", str(ceiling)))
        headers.append((f"anthropic-ratelimit-{name}-remaining", "0" if name == family else str(ceiling)))
        if isinstance(now_s, int | float):
            reset = int(now_s + wait_s) if name == family else int(now_s)
            headers.append((f"anthropic-ratelimit-{name}-reset", moment(reset)))
    return headers


def _window(details: Mapping[str, Any], wait: Any) -> Headers:
    """A subscription's windows, one of them drained; the names: anomalyco/opencode#49653, manaflow-ai/subrouter#24.

    `claim` is the window that is drained, "five_hour" unless told otherwise. Resets are seconds since 1970.
    """
    claim = str(details.get("claim", _CLAIMS[0]))
    if claim not in _CLAIMS:
        raise UnknownFailureError(f"a subscription has no window {claim!r}; it has {', '.join(_CLAIMS)}")
    short = claim == _CLAIMS[0]
    headers: Headers = [
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-representative-claim", claim),
        ("anthropic-ratelimit-unified-5h-status", "rejected" if short else "allowed"),
        ("anthropic-ratelimit-unified-5h-utilization", "1.0" if short else "0.42"),
        ("anthropic-ratelimit-unified-7d-status", "allowed" if short else "rejected"),
        ("anthropic-ratelimit-unified-7d-utilization", "0.42" if short else "1.0"),
    ]
    now_s = details.get("now_s")
    if isinstance(now_s, int | float):
        drained = int(now_s + (wait if isinstance(wait, int | float) and 0 <= wait < 1e9 else WINDOW_WAIT_S))
        other = int(now_s) + 3600
        headers.append(("anthropic-ratelimit-unified-reset", str(drained)))
        headers.append(("anthropic-ratelimit-unified-5h-reset", str(drained if short else other)))
        headers.append(("anthropic-ratelimit-unified-7d-reset", str(other if short else drained)))
    return headers


def _grouped(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """`details` with a limit's ceiling as the vendor writes it: 30,000."""
    ceiling = details.get("ceiling")
    if isinstance(ceiling, bool) or not isinstance(ceiling, int | float) or not abs(ceiling) < 1e18:
        return details
    return {**details, "ceiling": f"{int(ceiling):,}"}


def _family(details: Mapping[str, Any]) -> str:
    limit = details.get("limit")
    return {"requests": "requests", "output_tokens": "output-tokens"}.get(str(limit), "input-tokens")


def _seconds(retry_after: Any) -> str:
    # whole seconds, as the vendor sends them; text goes out as it is, for those who want junk
    return str(-int(-retry_after // 1)) if isinstance(retry_after, float) else str(retry_after)


def _thousands(tokens: int) -> str:
    return str(round(tokens, -3))


def _edge_headers(id_seed: int) -> Headers:
    ray = _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"
    return [("server", "cloudflare"), ("cf-ray", ray), ("cf-cache-status", "DYNAMIC")]


def _from_the_edge(kind: str, row: Row) -> bool:
    return kind == "region_blocked" or (kind == "request_too_large" and row.error_code is None)


def _row(kind: str, details: Mapping[str, Any]) -> Row:
    return worded("Anthropic", ROWS, VARIANTS, kind, details)


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        family = _family(self)
        filled = {
            "model": DEFAULT_MODEL,
            "organization": ORGANIZATION,
            "ceiling": {"requests": f"{REQUESTS_PER_MINUTE:,}", "output-tokens": f"{OUTPUT_TOKENS_PER_MINUTE:,}"}.get(
                family, f"{INPUT_TOKENS_PER_MINUTE:,}"
            ),
            "counted": family.replace("-", " "),
            "regain": "2026-12-01 at 00:00 UTC",
            "asked_tokens": "200000",
            "most_tokens": "128000",
            "in_messages": "143653",
            "in_completion": "64000",
            "window": "200000",
            "param": "temperature",
            "requested": "1036683",
            "maximum": "1000000",
        }
        return filled[name]
