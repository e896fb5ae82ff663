"""A vendor's failures as rows: the status, and what fills the vendor's envelope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

import orjson

from .base import Headers, Reply, UnknownFailureError

R = TypeVar("R")

UNTOLD_S: Final = 1_767_225_600
"""When failures happen if nobody says: the start of 2026, in seconds since 1970, since dialects read no clock."""


PAGES: Final = MappingProxyType(
    {
        # what these say inside a stream, where no page can stand
        "bad_gateway_page": (502, "Bad gateway"),
        "edge_page": (520, "Web server is returning an unknown error"),
    }
)
"""The failures that are a page of HTML (`_edge_pages.py`), with status and words."""


def worded(
    vendor: str, rows: Mapping[str, R], variants: Mapping[tuple[str, str], R], kind: str, details: Mapping[str, Any]
) -> R:
    """The row of `kind`, in the words that the detail `variant` names where there is one.

    Raises:
        UnknownFailureError: when the vendor has no such failure, or the failure no such variant.
    """
    if kind not in rows:
        raise UnknownFailureError(f"{vendor} has no failure {kind!r}; it has {', '.join(sorted(rows))}")
    variant = details.get("variant")
    if variant is None:
        return rows[kind]
    row = variants.get((kind, str(variant)))
    if row is None:
        known = ", ".join(sorted(name for owner, name in variants if owner == kind)) or "none"
        raise UnknownFailureError(f"{vendor}'s {kind!r} has no variant {variant!r}; it has {known}")
    return row


@dataclass(frozen=True, slots=True)
class Row:
    """One failure. `message` may have blanks; `waits` says that the vendor may name a wait with it."""

    status: int
    message: str
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    waits: bool = False


_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_NO_VARIANTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType({})


class FailureTable:
    """The failures of one vendor, by kind; `variants` are other words for a kind, asked for by the detail `variant`."""

    def __init__(
        self,
        vendor: str,
        rows: Mapping[str, Row],
        blanks: Mapping[str, str],
        variants: Mapping[tuple[str, str], Row] = _NO_VARIANTS,
    ) -> None:
        self._vendor = vendor
        self._rows = dict(rows)
        self._blanks = dict(blanks)
        self.variants = dict(variants)
        self.kinds = frozenset(rows)

    def row(self, kind: str, details: Mapping[str, Any]) -> Row:
        """The row of `kind`.

        Raises:
            UnknownFailureError: when the vendor has no such failure, or the failure no such variant.
        """
        return worded(self._vendor, self._rows, self.variants, kind, details)

    def message(self, kind: str, details: Mapping[str, Any], **filled: str) -> str:
        """The message of `kind`: the one in `details`, else the row's, its blanks filled from `details` first."""
        if "message" in details:
            return str(details["message"])
        return self.row(kind, details).message.format_map({**self._blanks, **filled, **details})


def wait_headers(row: Row, details: Mapping[str, Any]) -> Headers:
    """``retry-after`` as `details` have it (seconds, or any text), where the failure has a wait."""
    retry_after = details.get("retry_after")
    if retry_after is None or not row.waits:
        return []
    return [("retry-after", header_text(retry_after))]


def header_text(value: Any) -> str:
    """`value` as a header can carry it: whatever is no printable ASCII letter becomes a question mark."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("?", text)


def seconds(details: Mapping[str, Any], unless_told: float) -> float:
    """The wait of `details` as a number; what isn't a plausible one counts as `unless_told`."""
    wait = details.get("retry_after")
    return float(wait) if isinstance(wait, int | float) and 0 < wait < 1e9 else unless_told


def used(details: Mapping[str, Any], ceiling: int) -> str:
    """How much of a limit is used: what `details` of a quota say, else all of it."""
    limit, left = details.get("ceiling"), details.get("remaining", 0)
    return str(limit - left if isinstance(limit, int) and isinstance(left, int) else ceiling)


def now(details: Mapping[str, Any]) -> float:
    """The moment of a failure in seconds since 1970: the detail `now_s`, else always the same one."""
    moment = details.get("now_s")
    return moment if isinstance(moment, int | float) and 0 <= moment < 1e11 else UNTOLD_S


def json_reply(status: int, body: Any, headers: Headers) -> Reply:
    """`body` as a JSON response; None is a response without a body."""
    data = b"" if body is None else orjson.dumps(body)
    kind: Headers = [] if body is None else [("content-type", "application/json")]
    return Reply(status, [*kind, ("content-length", str(len(data))), *headers], data)


def error_data(body: Any) -> bytes:
    """`body` as an event of a stream that has begun; no terminator follows it."""
    return b"data: " + orjson.dumps(body) + b"\n\n"
