"""An error as a provider worded it, read from any of the envelopes they put it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

SECRET_CHARS_MIN = 8
"""Shortest part of a provider's own key that is taken out of what it says."""
NAME_CHARS_MAX = 100
"""Longest code that is taken for a name; what is longer is prose."""
_TITLE = re.compile(rb"<title>([^<]{0,200})</title>", re.IGNORECASE)
_SECRET = re.compile(r"\b(sk-|sk_|gsk_|rt_|eyJ|AIza|ABSK|AKIA|ASIA|Bearer )[A-Za-z0-9_*.+/=-]{4,}")


class Page(str):
    """The title of something that is no JSON: a page by a gateway or a CDN, perhaps without a word."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the failure table looks at.

    Attributes:
        message: The provider's words.
        names: Its types, codes, reasons and exceptions, as they were sent.
        error: The error object.
        status: The HTTP status that the error itself names, 0 if none: inside a 200 it is all there is.
        wait_s: Seconds to stay away, if the body says so.
    """

    message: str = ""
    names: frozenset[str] = frozenset()
    error: Any = None
    status: int = 0
    wait_s: float | None = None


def parse_error_body(body: bytes) -> Any:
    """The JSON of an error body, or a `Page` if it isn't any."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        title = _TITLE.search(body[:4096])
        return Page(title[1].decode("utf-8", "replace").strip() if title else "")


def read_refusal(payload: Any, headers: Mapping[str, str] | None = None) -> Refusal:
    """Find message, names and status: nested, flat, in a list, in a bare string, or in AWS's header.

    Args:
        payload: The parsed error body, or a stream's event.
        headers: The response's, with lower-case names.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    error = payload
    if isinstance(payload, dict):
        error = payload.get("error") or _of_response(payload) or payload
    exception = (headers or {}).get("x-amzn-errortype")
    if isinstance(error, str):
        # A service may say `{"error": "rate_limited", "message": "…"}`: then the string is the name.
        beside = payload.get("message") if isinstance(payload, dict) else None
        if isinstance(beside, str):
            return Refusal(beside, frozenset({error[:NAME_CHARS_MAX]}), payload)
        if isinstance(payload, dict):
            # xAI: the code is a name or a sentence, and the error is what was said.
            code = payload.get("code")
            named = frozenset({code[:NAME_CHARS_MAX]} if isinstance(code, str) else ())
            return Refusal(error, named, {"message": error, "code": code}, _status(payload))
        return Refusal(error, frozenset(), {"message": error})
    if not isinstance(error, dict):
        return Refusal(names=frozenset({_exception(exception)} if exception else ()))
    names = set(_names(error))
    if exception or error.get("__type"):
        names.add(_exception(exception or str(error["__type"])))
    return Refusal(_message(error), frozenset(names), error, _status(error), _wait(error))


def _of_response(payload: dict[str, Any]) -> Any:
    """The error of the Responses API's `response.failed`."""
    inner = payload.get("response")
    return inner.get("error") if isinstance(inner, dict) else None


def _message(error: dict[str, Any]) -> str:
    said = error.get("message") or error.get("detail") or error.get("error_message") or ""
    if isinstance(said, dict):
        said = said.get("detail") or said.get("message") or said
    return said if isinstance(said, str) else orjson.dumps(said, default=str).decode()


def _names(error: dict[str, Any]) -> list[str]:
    found = [error.get("type"), error.get("code"), error.get("status")]
    if isinstance(error.get("detail"), list):
        found.append("validation_error")  # FastAPI's list of what is wrong
    details = error.get("details")
    if isinstance(details, dict):
        found.append(details.get("error_code"))  # Anthropic
    elif isinstance(details, list):
        found += _google(details)
    inner = error.get("innererror")
    if isinstance(inner, dict):
        found.append(inner.get("code"))  # Azure
    beside = error.get("metadata")
    if isinstance(beside, dict):
        found.append(beside.get("limit_source"))  # OpenRouter
        if "flagged_input" in beside or "reasons" in beside:
            found.append("moderation")
    return [name[:NAME_CHARS_MAX] for name in found if isinstance(name, str)]


def _google(details: list[Any]) -> list[Any]:
    found: list[Any] = []
    for detail in details:
        if not isinstance(detail, dict):
            continue
        found.append(detail.get("reason"))
        quotas = detail.get("violations")
        ids = (
            [str(each.get("quotaId")) for each in quotas if isinstance(each, dict)] if isinstance(quotas, list) else []
        )
        if any("PerDay" in name for name in ids):
            found.append("quota:day")
    return found


def _exception(name: str) -> str:
    """AWS's exception name: without its namespace, and with the capital that stream frames leave out."""
    bare = name.rsplit("#", maxsplit=1)[-1].split(":", 1)[0]
    return (bare[:1].upper() + bare[1:])[:NAME_CHARS_MAX]


def _status(error: dict[str, Any]) -> int:
    for name in ("code", "status", "statusCode", "originalStatusCode"):
        value = error.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:4])
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
    return 0


def _wait(error: dict[str, Any]) -> float | None:
    """Seconds that the body names: Google's `RetryInfo`, OpenAI's `resets_in_seconds`."""
    value = error.get("resets_in_seconds")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            try:
                return float(delay[:-1])
            except ValueError:
                return None
    return None


def redact(text: str, key: str = "") -> str:
    """Take out what looks like a key: OpenAI repeats part of the caller's in its 401, Google the whole.

    Args:
        text: What somebody said.
        key: The key that it was said to, which needn't look like one (Azure's and Mistral's don't); a pair has a colon.
    """
    text = _SECRET.sub(r"\1…", text)
    for secret in key.split(":"):
        if len(secret) >= SECRET_CHARS_MIN:
            text = text.replace(secret, "…")
            # Its beginning may stand where the text was cut.
            shown = next((n for n in range(len(secret), SECRET_CHARS_MIN - 1, -1) if text.endswith(secret[:n])), 0)
            text = f"{text[:-shown]}…" if shown else text
    return text
