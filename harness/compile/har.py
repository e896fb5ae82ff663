"""Reads a HAR, the log that browsers and many proxies write (HTTP Archive 1.2, http://www.softwareishard.com/blog/har-12-spec/).

The format is one JSON document, so it is read whole, up to `BYTES_MAX`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import HarnessError
from .events import Event, Log, Names, in_order
from .exchange import Exchange, event, parts_of
from .times import NoMomentError, parse_moment

BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest HAR, in bytes."""
WHAT: Final = "a HAR"


def read(path: Path) -> Log:
    """The calls of the HAR at `path`.

    Raises:
        HarnessError: when it is too large, no HAR, or has no usable call.
    """
    entries = _entries(read_json(path, BYTES_MAX, WHAT), str(path))
    notes: list[str] = []
    return in_order(_events(entries, notes), WHAT, str(path), notes)


def read_json(path: Path, bytes_max: int, what: str) -> Any:
    """The JSON document at `path`.

    Raises:
        HarnessError: when it is larger than `bytes_max` bytes, or no JSON; `what` says what was expected.
    """
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        advice = "compile a part of it, or a CSV or NDJSON log, which are read line by line"
        raise HarnessError(f"the file is larger than {bytes_max >> 20} MiB, too large for {what}", str(path), advice)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated")
        told = "the JSON ends too early: it was cut off" if cut else f"no valid JSON: {error.msg}"
        where = f"{path}:{error.lineno}:{error.colno}"
        raise HarnessError(told, where, f"save it again as {what}, or name its format with --format") from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise HarnessError("no UTF-8 JSON", str(path), f"save it again as {what}, or name its format") from None


def _entries(document: Any, where: str) -> list[Any]:
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        advice = "export it as HAR 1.2, or name its format with --format csv, json or flows"
        raise HarnessError("this is no HAR: it has no list log.entries", where, advice)
    return entries


def _events(entries: list[Any], notes: list[str]) -> Iterator[Event]:
    names = Names()
    broken = others = 0
    for entry in entries:
        try:
            exchange = _exchange(entry)
        except (KeyError, TypeError, ValueError, AttributeError):
            broken += 1
            continue
        found = event(exchange, names)
        if found is None:
            others += 1
        else:
            yield found
    note_skipped(notes, broken, others)


def note_skipped(notes: list[str], broken: int, others: int) -> None:
    """Say how much of a file was left out."""
    if broken:
        notes.append(f"{broken:,} entries lack a time, a URL or a status, and were left out")
    if others:
        notes.append(f"{others:,} requests are no calls of an LLM, and were left out")


def _exchange(entry: Mapping[str, Any]) -> Exchange:
    """An entry of a HAR.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: when it is none.
    """
    request, response = entry["request"], entry["response"]
    url, status = request["url"], response.get("status", 0)
    if not isinstance(url, str) or isinstance(status, bool) or not isinstance(status, int | float):
        raise NoMomentError("no exchange")
    at_s, _ = parse_moment(entry["startedDateTime"])
    content = response.get("content") or {}
    head, tail = parts_of(_body(content))
    asked = (request.get("postData") or {}).get("text")
    total, receive = _ms(entry.get("time")), _ms((entry.get("timings") or {}).get("receive"))
    return Exchange(
        at_s=at_s,
        url=url,
        status=int(status) if status > 0 else None,  # 0, and in some files -1, for no response
        method=str(request.get("method") or "POST").upper(),
        request_body=asked.encode("utf-8", "replace") if isinstance(asked, str) else None,
        response_body=head,
        response_tail=tail,
        content_type=str(_header(response, "content-type") or content.get("mimeType") or ""),
        retry_after=_header(response, "retry-after"),
        first_s=None if total is None or receive is None else total - receive,
        latency_s=total,
        why=str(entry.get("_error") or response.get("_error") or ""),
    )


def _body(content: Mapping[str, Any]) -> bytes:
    text = content.get("text")
    if not isinstance(text, str):
        return b""
    if content.get("encoding") != "base64":
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _header(message: Mapping[str, Any], name: str) -> str | None:
    for each in message.get("headers") or []:
        if isinstance(each, dict) and str(each.get("name", "")).lower() == name and isinstance(each.get("value"), str):
            return str(each["value"])
    return None


def _ms(value: Any) -> float | None:
    """Seconds of a HAR's milliseconds; -1 stands for what is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return float(value) / 1000
