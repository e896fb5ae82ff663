"""The failure table: from what a provider said to what it means.

Read it from top to bottom, the first row that fits wins. A row's empty column fits everything. What comes first is
what a status alone gets wrong: Anthropic answers 400 for a disabled organisation and for an empty balance; OpenAI
answers 429 for an account without money (four codes, none of which ever clears by waiting) and for a single request
that is larger than its whole minute; 413 is a rate limit at Groq; and an HTML page from a gateway says nothing about
the account, whatever its status. Nothing here deletes anything: on some days valid credentials are refused for an
hour, so what is permanent is still probed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from .errors import MESSAGE_CHARS_MAX, PERMANENT, Failure, Meaning
from .retry_after import read_retry_after


class Position(StrEnum):
    """Where in the exchange the failure stood."""

    STATUS = "status"
    """A status that isn't 2xx."""
    BODY = "body"
    """An error object in the body of a 200."""
    STREAM = "stream"
    """An error event in a stream that began with a 200."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        meaning: What it means if the row fits.
        reason: Its short name, a metric label.
        status: Statuses it fits; empty for any. An error inside a 200 has no status and fits rows of any.
        codes: Fits if the error's type, code or `details.error_code` is among them.
        words: Fits if the message contains a match; case doesn't matter.
        dialect: Fits one dialect only.
    """

    meaning: Meaning
    reason: str
    status: tuple[int, ...] = ()
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    dialect: str = ""


def _row(
    meaning: Meaning, reason: str, *, status: tuple[int, ...] = (), codes: str = "", words: str = "", dialect: str = ""
) -> Row:
    pattern = re.compile(words, re.IGNORECASE) if words else None
    return Row(meaning, reason, status, frozenset(codes.split()), pattern, dialect)


M = Meaning
TABLE: tuple[Row, ...] = (
    # --- bans and money: never the caller's fault, whatever the status ---------------------------------------------
    _row(M.ACCOUNT, "org_disabled", codes="organization_on_hold account_deactivated account_suspended"),
    _row(
        M.ACCOUNT, "org_disabled", words=r"organization has been (disabled|suspended)|account .*(deactivated|disabled)"
    ),
    _row(M.ACCOUNT, "no_credit", words=r"credit balance is too low|out of extra usage|insufficient balance"),
    _row(
        M.ACCOUNT,
        "no_credit",
        codes="insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded "
        "project_spend_limit_exceeded organization_usage_limit_exceeded billing_hard_limit_reached "
        "billing_not_active enforced_spend_limit_reached contract_spend_limit_reached billing_error",
    ),
    _row(M.ACCOUNT, "no_credit", words=r"exceeded your current quota|billing hard limit"),
    _row(M.ACCOUNT, "spend_limit", words=r"specified (workspace )?API usage limits"),
    _row(M.ACCOUNT, "no_credit", status=(402,)),
    _row(M.ACCOUNT, "region_blocked", codes="unsupported_country_region_territory"),
    _row(M.ACCOUNT, "region_blocked", status=(403,), codes="forbidden"),
    _row(
        M.CREDENTIAL, "oauth_third_party", words=r"only authorized for use with Claude Code|third-party apps now draw"
    ),
    _row(M.CREDENTIAL, "oauth_revoked", words=r"token has been (revoked|invalidated)"),
    _row(M.CREDENTIAL, "oauth_expired", words=r"OAuth token has expired"),
    _row(M.CREDENTIAL, "bad_key", codes="invalid_api_key authentication_error token_invalidated"),
    # --- the model -------------------------------------------------------------------------------------------------
    _row(M.MODEL, "model_unknown", codes="model_not_found model_not_available"),
    _row(M.MODEL, "model_unknown", status=(404,), codes="not_found_error", words=r"model"),
    _row(M.MODEL, "model_unknown", words=r"model .{1,80}(does not exist|has been deprecated|is not supported)"),
    # --- 429s that never clear by waiting, and requests only this provider can't take --------------------------------
    _row(M.UNFIT, "larger_than_limit", words=r"^request too large for"),
    _row(M.UNFIT, "long_context_costs_extra", words=r"extra usage is required for long context"),
    # After a fallback to another model, the cap that the caller's max_tokens breaks is not one the caller knew.
    _row(M.UNFIT, "max_tokens_above_cap", status=(400,), words=r"max_tokens: [0-9]+ > [0-9]+|max_tokens is too large"),
    _row(M.UNFIT, "unsupported_parameter", codes="unsupported_parameter unsupported_value"),
    _row(
        M.UNFIT,
        "unsupported_parameter",
        words=r"(temperature|top_p|top_k)\b.{0,80}(deprecated|not (supported|allowed))",
    ),
    # --- the caller's own fault ------------------------------------------------------------------------------------
    _row(M.REQUEST, "context_length", codes="context_length_exceeded string_above_max_length"),
    _row(
        M.REQUEST,
        "context_length",
        status=(400, 413),
        words=r"prompt is too long|exceed context limit|maximum context length|exceeds the context window",
    ),
    _row(
        M.REQUEST,
        "content_policy",
        status=(400, 403),
        codes="content_policy_violation content_filter invalid_prompt",
    ),
    _row(M.REQUEST, "content_policy", status=(400,), words=r"content filtering policy|safety system|usage policy"),
    # --- for a while -----------------------------------------------------------------------------------------------
    _row(M.LIMITED, "rate_limited", codes="rate_limit_error rate_limit_exceeded slow_down ramp_limit_exceeded"),
    _row(M.LIMITED, "usage_window", codes="usage_limit_reached"),
    _row(M.REQUEST, "body_too_large", status=(413,)),
    _row(M.LIMITED, "rate_limited", status=(429,)),
    _row(M.TRANSIENT, "overloaded", codes="overloaded_error server_is_overloaded engine_overloaded"),
    _row(M.TRANSIENT, "overloaded", status=(503, 529)),
    _row(M.TRANSIENT, "gateway", status=(502, 520, 521, 522, 523, 524, 530), codes=""),
    _row(M.TRANSIENT, "gateway", codes="cf_bad_gateway"),
    _row(M.TRANSIENT, "timeout_upstream", status=(408, 499, 504)),
    _row(M.TRANSIENT, "timeout_upstream", codes="timeout_error"),
    _row(M.TRANSIENT, "conflict", status=(409, 425)),
    _row(M.TRANSIENT, "server_error", codes="api_error server_error internal_error internal_server_error"),
    # --- statuses alone --------------------------------------------------------------------------------------------
    _row(M.CREDENTIAL, "bad_key", status=(401,)),
    _row(M.CREDENTIAL, "permission_denied", status=(403,)),
    _row(M.CREDENTIAL, "permission_denied", codes="permission_error request_forbidden"),
    _row(M.MODEL, "not_found", status=(404, 410)),
    _row(M.REQUEST, "invalid_request", status=(400, 405, 406, 411, 414, 415, 422, 431)),
    _row(M.REQUEST, "invalid_request", codes="invalid_request_error"),
    _row(M.TRANSIENT, "server_error", status=tuple(range(500, 600))),
)
"""The whole table. `tests/router/test_classify.py` holds it against wire literals, row by row."""

# What the router sees without being told, by the same names.
OTHER_REASONS = (
    "connect", "disconnected", "timeout_connect", "timeout_first_token", "timeout_between_tokens", "timeout_answer",
    "deadline", "stream_cut", "malformed_event", "unknown_error", "gateway_page", "redirect",
    "drift_content_type", "drift_not_json", "drift_fields", "drift_empty", "drift_json_answer", "drift_too_large",
)  # fmt: skip


def reasons() -> frozenset[str]:
    """Every reason there is: what bounds the `reason` label of the metrics."""
    return frozenset(row.reason for row in TABLE) | frozenset(OTHER_REASONS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a provider worded it, read from its envelope."""

    message: str
    names: frozenset[str]
    error: Any


def classify(
    dialect: str,
    status: int,
    payload: Any,
    *,
    position: Position = Position.STATUS,
    headers: Mapping[str, str] | None = None,
    now_s: float = 0.0,
    retry_after_max_s: float = 60.0,
) -> Failure:
    """Look an error up in the table.

    Args:
        dialect: The provider's dialect.
        status: HTTP status; ignored inside a 200.
        payload: The parsed error body, or None if the body was no JSON (a gateway's page).
        position: Where it stood.
        headers: Response headers, for Retry-After.
        now_s: Wall-clock time, for Retry-After dates.
        retry_after_max_s: Longest wait that is believed.
    """
    refusal = read_refusal(payload)
    status = status if position is Position.STATUS else 0
    meaning, reason = _look_up(dialect, status, refusal)
    wait = read_retry_after(headers or {}, refusal.message, now_s=now_s, max_s=retry_after_max_s)
    # A date on a ban or on an empty balance is not a promise: the wait belongs to limits and overload alone.
    temporary = meaning in {Meaning.LIMITED, Meaning.TRANSIENT}
    return Failure(
        meaning=meaning,
        reason=reason,
        message=redact(refusal.message)[:MESSAGE_CHARS_MAX],
        status=status,
        retry_after_s=wait.seconds if temporary else None,
        note=wait.note if temporary else "",
        body=refusal.error if meaning in {Meaning.REQUEST, Meaning.UNFIT} else None,
    )


def _look_up(dialect: str, status: int, refusal: Refusal) -> tuple[Meaning, str]:
    if status and not refusal.names and not refusal.message:
        # No error object at all: a page from something between us and the provider. A 4xx from there is not the
        # caller's fault, and a bodiless 401 or 429 still is what its status says.
        if status in {401, 402, 403, 404, 429}:
            return next((row.meaning, row.reason) for row in TABLE if _bare(row, status))
        return Meaning.TRANSIENT, "gateway_page"
    for row in TABLE:
        if _fits(row, dialect, status, refusal):
            return row.meaning, row.reason
    return Meaning.TRANSIENT, "redirect" if 300 <= status < 400 else "unknown_error"


def _bare(row: Row, status: int) -> bool:
    return status in row.status and not row.codes and row.words is None


def _fits(row: Row, dialect: str, status: int, refusal: Refusal) -> bool:
    if row.dialect and row.dialect != dialect:
        return False
    if row.status and status not in row.status and (status or not (row.codes or row.words)):
        return False
    if row.codes and not row.codes & refusal.names:
        return False
    return row.words is None or row.words.search(refusal.message) is not None


def read_refusal(payload: Any) -> Refusal:
    """Find message, type and codes in any of the envelopes: nested, flat, in a list, or a bare string."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    error = payload
    if isinstance(payload, dict) and payload.get("error"):
        error = payload["error"]
    if isinstance(error, str):
        return Refusal(error, frozenset(), {"message": error})
    if not isinstance(error, dict):
        return Refusal("", frozenset(), None)
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    names = {value for value in (error.get("type"), error.get("code"), code) if isinstance(value, str)}
    message = error.get("message") or error.get("detail") or ""
    return Refusal(message if isinstance(message, str) else str(message), frozenset(names), error)


def parse_error_body(body: bytes) -> Any:
    """The JSON of an error body, or None if it isn't any."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


_SECRET = re.compile(r"\b(sk-|Bearer )[A-Za-z0-9_*.-]{4,}")


def redact(text: str) -> str:
    """Take out what looks like a key; OpenAI repeats part of the caller's in its 401."""
    return _SECRET.sub(r"\1…", text)


def is_permanent(failure: Failure) -> bool:
    """Whether waiting alone won't help."""
    return failure.meaning in PERMANENT
