"""What arrived at the providers of a lab: a record of each request, and the table that failed assertions show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..fakes.dialects.base import Ask, RequestRefused

if TYPE_CHECKING:
    from ..fakes.answer import Mark
    from .faults.plan import Plan

ROWS_MAX: Final = 30
"""Requests that a failed assertion shows; of more, the first and the last."""
CAUSE_CHARS_MAX: Final = 70
"""Characters of a provider's error message that are shown."""
REQUESTS_MAX: Final = 10_000
"""Requests that are kept for a test; beyond it the oldest are forgotten."""


@dataclass(eq=False)
class Request:
    """One request as it came to a provider, and what it got.

    Attributes:
        number: Its place among all requests to all providers of the test, from 1.
        provider: The provider's name.
        method: The HTTP method.
        path: The path, without its query.
        headers: By name, in lower case.
        content: The body's bytes.
        key: The credential it came with.
        model: The model asked for.
        stream: Whether a stream was asked for.
        text: The last user content.
        mark: The mark of a prompt that `banstorm.prompt` made.
        at_s: When it came, in seconds after time 0 of the timeline.
        clock_ns: The same on the lab's clock.
        received_ns: The same on the machine's clock.
        status: The answer's status; None if there was none.
        failure: The fault or failure that was played on it.
        complete: Whether the whole answer was handed over.
        ended_ns: When it was over, on the machine's clock; None while it is under way.
        error: What the provider said was wrong, if its answer was an error.
    """

    number: int
    provider: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    key: str | None = field(repr=False)
    model: str | None
    stream: bool
    text: str
    mark: Mark | None
    at_s: float
    clock_ns: int
    received_ns: int
    status: int | None = None
    failure: str | None = None
    complete: bool = False
    ended_ns: int | None = None
    error: str = ""

    @property
    def body(self) -> Any:
        """The body, read as JSON; None if it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def ok(self) -> bool:
        """Whether it was answered with success, to the end."""
        return self.complete and self.status is not None and 200 <= self.status < 300

    @property
    def failed(self) -> bool:
        """Whether it is over and was not answered so."""
        return self.ended_ns is not None and not self.ok

    @property
    def answer(self) -> str:
        """What it got, in a few words."""
        if self.ended_ns is None:
            return "under way"
        words = ["no answer" if self.status is None else str(self.status)]
        if self.status is not None and self.status < 300 and not self.complete:
            words.append("cut off")
        if self.failure is not None:
            words.append(self.failure)
        elif self.error:
            words.append(self.error[:CAUSE_CHARS_MAX])
        return " ".join(words)


def told(
    plan: Plan,
    *,
    number: int,
    method: str,
    headers: Mapping[str, str],
    content: bytes,
    key: str | None,
    at_s: float,
    clock_ns: int,
    received_ns: int,
) -> Request:
    """The record of a request that a plan was just made for."""
    record = plan.record
    ask: Ask | None = None if isinstance(plan.read, RequestRefused) else plan.read
    return Request(
        number=number,
        provider=record.provider,
        method=method,
        path=record.path,
        headers=dict(headers),
        content=content,
        key=key,
        model=record.model or None,
        stream=bool(record.stream),
        text=ask.text if ask is not None else "",
        mark=ask.mark if ask is not None else None,
        at_s=at_s,
        clock_ns=clock_ns,
        received_ns=received_ns,
    )


def cause(body: bytes) -> str:
    """The message in a vendor's error, nothing if none is found."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    said = said[0] if isinstance(said, list) and said else said
    for key in ("error", "message", "detail"):
        inner = said.get(key) if isinstance(said, dict) else None
        if isinstance(inner, dict):
            inner = inner.get("message")
        if isinstance(inner, str):
            return " ".join(inner.split())
    return ""


def table(requests: Sequence[Request]) -> str:
    """The requests, a line each, in the order they came."""
    if not requests:
        return "no request arrived at any provider"
    shown: list[Request | None] = list(requests)
    if len(requests) > ROWS_MAX:
        half = ROWS_MAX // 2
        shown = [*requests[:half], None, *requests[-half:]]
    rows = [_row(each) if each else ("…", "", "", "", f"{len(requests) - ROWS_MAX} more") for each in shown]
    rows.insert(0, ("#", "at", "provider", "model", "answer"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(_line(row, widths) for row in rows)


def _row(request: Request) -> tuple[str, ...]:
    return (
        str(request.number),
        f"{request.at_s:.3f} s",
        request.provider,
        request.model or request.path,
        request.answer,
    )


def _line(row: Iterable[str], widths: Sequence[int]) -> str:
    *cells, last = row
    padded = [
        cell.rjust(width) if place < 2 else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(["", *padded, last]).rstrip()
