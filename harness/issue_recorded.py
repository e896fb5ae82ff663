"""One call of a run's ledger, and what its providers sent, for a report to the router's maintainers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..fakes import dialects
from ..fakes.answer import TOOL_NAME
from ..fakes.dialects.base import Answer, Ask, Dialect, Tool
from ..reports.curl import Asked
from ..reports.manifest import Manifest
from ..reports.result import Result
from ..scenarios.model import Provider
from .errors import HarnessError
from .issue_headers import Sent, sent

PORT: Final = 9101
"""Port of the first provider in a reproduction; the others follow."""
LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest line of the ledger that is looked at, in bytes."""
REPLIES_MAX: Final = 20
"""Most attempts of a call that are played again."""
WORDS: Final = ("Hello ", "from ", "another ", "provider.")
"""What the providers answer that were not broken."""


@dataclass
class Recorded:
    """A call: its row, when it was due, and its attempts in order."""

    call: dict[str, Any] = field(default_factory=dict)
    due: dict[str, Any] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, Sent] = field(default_factory=dict)
    """What is known of the headers of an attempt's response, by the attempt's name."""

    def sent(self, attempt: Mapping[str, Any]) -> Sent:
        """The headers of an attempt's response: at least what its body tells."""
        known = self.headers.get(str(attempt.get("attempt")))
        return known or Sent([["content-type", content_type(attempt["evidence"] or "")]])

    def asked(self, run: str, front: str) -> Asked:
        """What the caller asked."""
        due = self.due
        return Asked(run, int(due["call"]), str(due["shape"]), int(due["tokens"]), bool(due["stream"]), front)


def recorded(folder: Path, manifest: Manifest, number: int) -> Recorded:
    """The call of that number, of the run in `folder`, whose manifest is given.

    Raises:
        HarnessError: when the ledger has none, or is not there.
    """
    found = Recorded()
    for row in _rows(folder, number):
        if row["table"] == "calls":
            found.call = row
        elif row["table"] == "schedule":
            found.due = row
        elif row["table"] == "attempts":
            found.attempts.append(row)
    if not found.call or not found.due:
        advice = "name one that report.html shows, by --call; and see that ledger/*.ndjson is there"
        raise HarnessError(f"the ledger has no call {number}", str(folder / "ledger"), advice)
    found.attempts.sort(key=lambda each: int(each["received_ns"]))
    for each in found.attempts:
        found.headers[str(each["attempt"])] = sent(manifest, found.attempts, each, content_type(each["evidence"] or ""))
    return found


def _rows(folder: Path, number: int) -> Iterator[dict[str, Any]]:
    sign = f'"call":{number},'.encode()
    for path in sorted((folder / "ledger").glob("*.ndjson")):
        with path.open("rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                if sign not in line:
                    continue
                try:
                    row = json.loads(line)
                except ValueError:
                    continue  # a torn last line
                if row.get("call") == number:
                    yield row


def worst(result: Result) -> int:
    """The call that shows best what went wrong: of the lost ones the worst that a provider's fault touched.

    Raises:
        HarnessError: when the report shows no call.
    """
    if not result.worst:
        raise HarnessError("the report shows no call that went wrong", result.run.folder, "name one by --call")
    touched = [each for each in result.worst if any(attempt.fault for attempt in each.attempts)]
    return (touched or list(result.worst))[0].call


def broken(row: Mapping[str, Any]) -> bool:
    """Whether something was wrong with an attempt's answer."""
    return bool(row["fault"]) or (row["status"] or 0) >= 400


def replies(found: Recorded, provider: str) -> list[dict[str, Any] | None]:
    """What a provider sent for the call's attempts, in order; empty if none of them was broken.

    None stands for an answer with nothing wrong, which the ledger keeps no body of.
    """
    theirs = [each for each in found.attempts if each["provider"] == provider]
    if not any(map(broken, theirs)):
        return []
    return [_reply(each, found.sent(each)) if broken(each) else None for each in theirs[:REPLIES_MAX]]


def _reply(row: dict[str, Any], sent: Sent) -> dict[str, Any]:
    body = row["evidence"] or ""
    ends = {"complete": "complete", "fault": "cut", "provider": "cut"}
    return {
        "status": row["status"],
        "headers": list(sent.headers),
        "body": body.encode().decode("latin-1"),  # a sign a byte, since a stream need not be text
        "end": ends.get(row["ended_by"], "silence"),
    }


def content_type(body: str) -> str:
    """What a body is, by its first signs."""
    start = body.lstrip()[:1]
    if body.startswith(("data:", "event:", ":")):
        return "text/event-stream"
    if start == "<":
        return "text/html"
    return "application/json" if start in {"{", "[", ""} else "text/plain"


def well(provider: Provider, shape: str) -> list[dict[str, Any]]:
    """What a provider that is not broken answers: whole, and as a stream."""
    dialect = dialects.find(provider.dialect, provider.service)
    tool = TOOL_NAME if shape == "tool" else None
    pieces = WORDS if shape == "text" else ('{"answer": "Hello.", ', '"length": 1}')
    answer = Answer(pieces, tool, "tool" if tool else "stop", 12, len(pieces), id_seed=1, created_s=1_767_225_600)
    return [_well(dialect, provider.model, answer, stream=stream) for stream in (False, True)]


def _well(dialect: Dialect, model: str, answer: Answer, *, stream: bool) -> dict[str, Any]:
    tools = (Tool(answer.tool, {}),) if answer.tool else ()
    ask = Ask(model=model, stream=stream, text="", mark=None, input_tokens=12, tools=tools, include_usage=True)
    if stream:
        status, headers = dialect.stream_head(ask, answer)
        body = b"".join(each.data for each in dialect.stream(ask, answer))
    else:
        reply = dialect.write(ask, answer)
        status, headers, body = reply.status, reply.headers, reply.body
    kept = [[name, value] for name, value in headers if name.lower() not in {"content-length", "transfer-encoding"}]
    return {"status": status, "headers": kept, "body": body.decode("latin-1"), "end": "complete"}
