"""What `banstorm export-issue` does: a bug report for a router's maintainers, who need know nothing of banstorm."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..fakes import dialects
from ..fakes.answer import WORD_SIGN
from ..reports import curl
from ..reports.errors import ReportError
from ..reports.manifest import Manifest, read_manifest
from ..reports.neutral import evidence
from ..reports.plain import plain, wanted
from ..reports.result import Result, State
from .errors import HarnessError
from .exitcode import Exit
from .issue_headers import Sent
from .issue_recorded import PORT, Recorded, broken, recorded, replies, well, worst
from .issue_router import KEY, Router, router
from .lines import tell
from .targets.base import ProviderAt

ISSUE: Final = "issue.md"
SCRIPT: Final = "reproduce.py"
REFUSES: Final = "connection_refused"
"""The fault that leaves no attempt behind: nobody listens."""
PROMPT: Final = "Say hello in five words."
HOW: Final = (
    f"run `python3 {SCRIPT}` (Python 3.9 or later, nothing else). It stands in for the providers on loopback, sends "
    "the one request and prints who was asked and what came back. `ROUTER_URL`, `ROUTER_API_KEY` and `PROVIDER_PORTS` "
    "change the addresses."
)
UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands in a recorded body for what is no text."""
BODY_CHARS_MAX: Final = 4000
"""Most characters shown of a body in the report; the script has all that was recorded."""


def export(folder: Path, number: int | None, out: Path | None) -> int:
    """Write the report and its script.

    Raises:
        HarnessError: when the run's folder has no report, no such call, or can't be written to.
    """
    try:
        manifest = read_manifest(folder)
        result = Result.model_validate_json((folder / "report.json").read_bytes())
    except ReportError as error:
        raise HarnessError(error.what, error.where, error.next_step) from error
    except (OSError, ValueError) as error:
        raise HarnessError("the run has no report", str(folder), f"make it: banstorm report {folder}") from error
    found = recorded(folder, manifest, worst(result) if number is None else number)
    providers = {
        name: ProviderAt(each.dialect, each.model, f"http://127.0.0.1:{port}{_path(manifest, name)}", f"{KEY}-{name}")
        for port, (name, each) in enumerate(manifest.scenario.providers.items(), PORT)
    }
    way = router(manifest, folder, providers)
    told = _told(manifest, result, found, providers, way)
    out = out or folder / "issue"
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / SCRIPT).write_text(script(told), "utf-8")
        (out / ISSUE).write_text(issue(manifest, result, found, told, way), "utf-8", errors="replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HarnessError(f"the report can't be written: {reason}", str(out), "choose another with --out") from error
    tell(sys.stdout, [f"report: {out / ISSUE}", f"script: {out / SCRIPT}", "read both before you send them to anyone"])
    return Exit.PASS


def _path(manifest: Manifest, name: str) -> str:
    each = manifest.scenario.providers[name]
    return dialects.find(each.dialect, each.service).base_path


def _told(
    manifest: Manifest, result: Result, found: Recorded, providers: Mapping[str, ProviderAt], way: Router
) -> dict[str, Any]:
    """What the script knows."""
    front = manifest.target.front or curl.CHAT
    path, headers, write = curl._FRONTS[front if front in curl._FRONTS else curl.CHAT]  # noqa: SLF001 - one table
    asked = found.asked(manifest.run, front)
    body = json.loads(json.dumps(write(asked, way.model)).replace(asked.mark, PROMPT))
    plain = dict(each.split(": ", 1) for each in ("content-type: application/json", *headers) if "$" not in each)
    name, value = next(each for each in headers if "$" in each).split(": ", 1)
    prefix = value.partition("$")[0]
    shape = str(found.due["shape"])
    return {
        "providers": [
            {
                "name": f"{each} ({at.dialect})",
                "port": port,
                "base_path": _path(manifest, each),
                "refuses": _refuses(manifest, result, found, each),
                "replies": replies(found, each),
                "well": well(manifest.scenario.providers[each], shape),
            }
            for port, (each, at) in enumerate(providers.items(), PORT)
        ],
        "request": {
            "router": way.base_url,
            "path": path,
            "headers": {**plain, **way.headers, name: prefix + (way.api_key or KEY)},
            "key": [name, prefix],
            "body": body,
        },
        "found": _came(found),
    }


def _refuses(manifest: Manifest, result: Result, found: Recorded, provider: str) -> bool:
    """Whether the provider's door was shut when the call was due."""
    due_s = (int(found.due["scheduled_ns"]) - (manifest.t0_ns or 0)) / 1e9
    shut = [
        window
        for episode in result.episodes
        for window in episode.windows
        if window.provider == provider and window.fault == REFUSES
    ]
    return any(each.from_s <= due_s <= each.until_s for each in shut)


def _came(found: Recorded) -> str:
    """What the caller got, in words."""
    call = found.call
    status = f", status {call['status']}" if call["status"] else ""
    error = f", {call['error']}" if call["error"] else ""
    asked = " then ".join(f"{each['provider']} {each['status'] or each['ended_by']}" for each in found.attempts)
    return f"outcome {call['outcome']}{status}{error}; providers asked: {asked or 'none'}"


def script(told: Mapping[str, Any]) -> str:
    """The program that replays it, what was recorded filled in."""
    text = Path(__file__).with_name("reproduction.py").read_text("utf-8")
    return text.replace("RECORDED: Any = {}\n", f"RECORDED: Any = json.loads({json.dumps(told, indent=1)!r})\n", 1)


def issue(manifest: Manifest, result: Result, found: Recorded, told: Mapping[str, Any], way: Router) -> str:
    """The report, in Markdown."""
    target = manifest.target
    broken = [each for each in result.expectations if each.state is State.BROKEN]
    expected = [f"- {plain(each.measure).question} Wanted {wanted(each)}, found {each.found}." for each in broken]
    addresses = [f"- {each['name']}: http://127.0.0.1:{each['port']}{each['base_path']}" for each in told["providers"]]
    parts = [
        f"# {target.detail or target.name}: {result.run.title.lower()}",
        "## What happened",
        evidence(result) or result.sentence,
        f"One call of these, {_kind(found)}: {_came(found)}.",
        *_fenced("What the caller got", found.call.get("evidence")),
        legend(found),
        "## What was expected" if expected or result.run.remedy else "",
        "\n".join(expected),
        result.run.remedy,
        "## What the provider sent",
        *_sent(found),
        known(found),
        "## Reproduce",
        f"With the router at {told['request']['router']} and its providers' base URLs set to",
        "\n".join(addresses),
        HOW,
        "## The router's configuration",
        *_configured(way),
        "## Versions",
        _versions(manifest),
    ]
    return "\n\n".join(each for each in parts if each) + "\n"


def legend(found: Recorded) -> str:
    """What the words of an answer mean, if the report shows any."""
    shown = [found.call.get("evidence"), *(each.get("evidence") for each in found.attempts)]
    if not any(WORD_SIGN in (each or "") for each in shown):
        return ""
    return (
        f"An answer's words, {WORD_SIGN}run.call.provider.place.length.checksum, are the test's: each says what it is."
    )


def _kind(found: Recorded) -> str:
    return f"{found.due['shape']}, {'streamed' if found.due['stream'] else 'not streamed'}"


def _sent(found: Recorded) -> list[str]:
    parts = []
    for each in found.attempts:
        if not broken(each):
            continue
        how = f"status {each['status'] or 'none'}, ended by: {each['ended_by']}"
        head = f"**{each['provider']}**, POST {each['path']}: {how}"
        headers = "\n".join(f"{header[0]}: {header[1]}" for header in found.sent(each).headers)
        parts += [head, *_fenced("", f"{headers}\n\n{each['evidence'] or ''}".strip())]
    return parts or ["Nothing: it took no connection."]


def known(found: Recorded) -> str:
    """What is known of the headers, for each provider: a reader must know where the script falls short."""
    said = [_known(row, found.sent(row)) for row in found.attempts if broken(row) and row["status"]]
    return "\n".join(dict.fromkeys(said))


def _known(row: Mapping[str, Any], sent: Sent) -> str:
    who = row["provider"]
    if sent.whole:
        moments = any(len(header) > 2 for header in sent.headers)
        later = "; those that name a moment are moved to when it runs" if moments else ""
        return f"The headers of {who} are all that it sent, and the script sends them{later}."
    names = " and ".join(header[0] for header in sent.headers)
    rest = "the others were not recorded"
    if sent.unknown:
        rest = f"it sent {', '.join(sent.unknown)} as well, whose values were not recorded"
    binary = (
        " Its body is not all text: signs that are none were lost." if UNREADABLE in (row["evidence"] or "") else ""
    )
    return f"Of the headers of {who} only {names} is replayed; {rest}.{binary}"


def _fenced(title: str, body: str | None, kind: str = "text") -> list[str]:
    if not body:
        return []
    fence = "`" * max(3, max((len(run) for run in _ticks(body)), default=0) + 1)
    return [*([f"{title}:"] if title else []), f"{fence}{kind}\n{body[:BODY_CHARS_MAX]}\n{fence}"]


def _ticks(text: str) -> list[str]:
    return [each for each in "".join(sign if sign == "`" else " " for sign in text).split() if each]


def _configured(way: Router) -> list[str]:
    parts = ["What departs from the vendor's defaults: " + "; ".join(way.departures) + "."] if way.departures else []
    parts += _fenced("Started with", way.command)
    variables = "\n".join(f"{name}={value}" for name, value in way.variables.items())
    parts += _fenced("Environment", variables)
    headers = "\n".join(f"{name}: {value}" for name, value in way.headers.items())
    parts += _fenced("Headers of every call", headers)
    for name, text in way.files.items():
        parts += _fenced(f"`{name}`", text)
    return parts or ["It was started by its user; the run does not know its configuration."]


def _versions(manifest: Manifest) -> str:
    machine = manifest.machine
    lines = [
        f"- router: {manifest.target.detail or manifest.target.name}",
        f"- machine: {machine.get('system')}, {machine.get('cores')} cores",
        f"- found with banstorm {manifest.banstorm}, seed {manifest.seed}: `{manifest.command}`",
    ]
    return "\n".join(lines)
