"""Gemini: the status is Google's own word, and the reason hides in the details.

A bad key and a wrong region are 400s, and the words of a minute's limit are those of OpenAI's empty balance. Codes and
words: ai.google.dev's troubleshooting page, google-genai 3.3, and the threads named in the rows.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # continue#10902 (and the message repeats the key); google-genai 3.3 `FinishReason`
    row(M.ACCOUNT, "org_disabled", codes="CONSUMER_SUSPENDED PUP_LIMITED_DISABLED"),
    row(M.ACCOUNT, "region_blocked", codes="FAILED_PRECONDITION", words=r"User location is not supported"),
    row(M.ACCOUNT, "no_credit", codes="FAILED_PRECONDITION", words=r"Gemini API free tier is not available"),
    row(M.ACCOUNT, "no_credit", status=(400, 429), words=r".{0,200}doesn't have a free quota tier"),
    # A limit of zero is no limit that clears, though the answer says "retry in 7s": void#812
    row(M.ACCOUNT, "no_credit", codes="RESOURCE_EXHAUSTED", words=r"You exceeded your current quota,.* limit: 0\b"),
    row(M.CREDENTIAL, "key_expired", codes="API_KEY_INVALID", words=r"API key expired"),
    row(M.CREDENTIAL, "bad_key", codes="API_KEY_INVALID"),
    row(M.CREDENTIAL, "bad_key", status=(400,), words=r"API key not (valid|found)"),
    row(M.CREDENTIAL, "bad_key", codes="PERMISSION_DENIED", words=r"Your API key was reported as leaked"),
    row(M.CREDENTIAL, "bad_key", codes="PERMISSION_DENIED", words=r"Method doesn't allow unregistered callers"),
    row(
        M.MODEL,
        "model_unknown",
        codes="NOT_FOUND",
        words=r"models/\S+ is not found for API version|This model models/\S+ is no longer available",
    ),
    row(M.ACCOUNT, "unknown_url", codes="NOT_FOUND", words=r"Not Found$"),
    # A history from another vendor has no signatures: litellm#16893
    row(
        M.UNFIT,
        "state_elsewhere",
        codes="INVALID_ARGUMENT",
        words=r"Function call is missing a thought_signature|Corrupted thought signature",
    ),
    row(M.REQUEST, "context_length", codes="INVALID_ARGUMENT", words=r"The input token count \S* ?exceeds the maximum"),
    row(M.REQUEST, "body_too_large", codes="INVALID_ARGUMENT", words=r"Request payload size exceeds the limit"),
    row(
        M.TRANSIENT,
        "tool_call_failed",
        codes="MALFORMED_FUNCTION_CALL MALFORMED_RESPONSE UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS",
    ),
    row(M.UNFIT, "state_elsewhere", codes="MISSING_THOUGHT_SIGNATURE"),
    # `quota:day` is read from the quota's id, the only place that tells a day's limit from a minute's
    row(M.LIMITED, "daily_limit", codes="quota:day"),
    row(M.LIMITED, "rate_limited", codes="RESOURCE_EXHAUSTED"),
    row(M.TRANSIENT, "overloaded", codes="UNAVAILABLE"),
    row(M.TRANSIENT, "timeout_upstream", codes="DEADLINE_EXCEEDED"),
    row(M.TRANSIENT, "server_error", codes="INTERNAL"),
)
