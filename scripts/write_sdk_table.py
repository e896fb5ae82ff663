"""Writes docs/sdk-conformance.md from what the tests of the official SDKs saw. `--check` only compares.

The tests in ``tests/sdk`` leave one file an environment in ``build/sdk-results``, once every row was played there. The
versions that count are those of the constraints files, so that results of others, or of last month, take no part.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "sdk-conformance.md"
RESULTS = ROOT / "build" / "sdk-results"
CONSTRAINTS = ("constraints.txt", "constraints-sdk.txt")
ENDINGS = {
    "stops": "response ends between two events",
    "torn": "response ends inside an event",
    "cut": "connection is cut",
}
Row = Mapping[str, Any]

INTRODUCTION = """\
# What official SDKs make of each failure

This page is generated from what the tests in `tests/sdk` saw: `make test` plays them and fails if this page says
anything else, `make sdk-table` writes it. Each SDK of the versions named here was pointed at the stand-in provider
and met each failure that the provider's dialect has, with a synchronous client and with an asynchronous one, for a
plain answer and for a stream. What it must make of each stands in `tests/sdk/truth`, written by hand from the
vendors' documentation, issue threads and the SDKs themselves; a test that sees anything else fails.

A cell names the exception and its status, how often the SDK tried, and how long it waited between tries, with the
SDK's own settings; an SDK that retries only when it is told to was asked both ways. What follows a stroke in a
failure's name is a variant: the vendor's other words for the same thing. Where synchronous and asynchronous clients
differ, or plain answers and streams, the cell says so.
"""


class ResultsMissingError(Exception):
    """An environment has left no whole results."""


def pins(constraints: str, sdks: Iterable[str]) -> dict[str, str]:
    """The versions of `sdks` that the text of a constraints file names."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)$", constraints, re.MULTILINE)
    return {name: version for name, version in found if name in set(sdks)}


def gather(results: Path, constraints: Mapping[str, str], sdks: Iterable[str]) -> list[Row]:
    """The rows of every environment.

    Args:
        results: The folder where the tests left theirs.
        constraints: The text of each constraints file, by name.
        sdks: The names of the SDKs.

    Raises:
        ResultsMissingError: when those of a constraints file are not there.
    """
    given = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))]
    rows: list[Row] = []
    for name, text in constraints.items():
        wanted = pins(text, sdks)
        found = next((each["rows"] for each in given if each["versions"] == wanted), None)
        if found is None:
            versions = ", ".join(f"{sdk} {version}" for sdk, version in sorted(wanted.items()))
            raise ResultsMissingError(f"no whole results for the SDKs of {name} ({versions})")
        rows += found
    return rows


def page(rows: list[Row]) -> str:
    """The whole page."""
    titles = {row["truth"]: row["title"] for row in sorted(rows, key=lambda row: str(row["truth"]))}
    parts = [INTRODUCTION]
    for truth, title in titles.items():
        mine = [row for row in rows if row["truth"] == truth]
        parts.append(f"## {title}\n\n{_failures(mine)}\n")
    parts.append(f"## A wait that is asked for\n\n{_waits(rows, titles)}\n")
    parts.append(f"## Streams that end without their ending\n\n{_endings(rows, titles)}\n")
    parts.append(f"## Backoff\n\n{_backoffs(rows)}\n")
    return "\n".join(parts)


def _failures(rows: list[Row]) -> str:
    """One API's failures, before the answer and inside a stream, by version of its SDK."""
    versions = _versions(rows)
    sdk = rows[0]["sdk"]
    lines = _head(["failure", "code", *(f"`{sdk}` {version}" for version in versions)])
    for place, note in (("before", ""), ("inside", ", inside a stream")):
        for name in sorted({row["row"] for row in rows if row["place"] == place}):
            same = [row for row in rows if (row["place"], row["row"]) == (place, name)]
            codes = sorted({row["says"] for row in same if row["raises"] and row["says"]})
            cells = []
            for version in versions:
                cell = _cell([row for row in same if row["version"] == version], _story)
                told = [row for row in rows if (row["place"], row["row"]) == ("retrying", name)] if not note else []
                told = [row for row in told if row["version"] == version and row["tries"] > 1]
                cells.append(f"{cell}; told to retry, {_cell(told, _tries)}" if told else cell)
            lines.append([f"`{name}`{note}", ", ".join(f"`{code}`" for code in codes), *cells])
    return _table(lines)


def _waits(rows: list[Row], titles: Mapping[str, str]) -> str:
    """What becomes of ``retry-after`` with a 429, by its seconds."""
    told = [row for row in rows if row["place"] == "told"]
    seconds = sorted({row["row"] for row in told}, key=float)
    return _across(told, titles, seconds, [f"{each} s" for each in seconds], _tries)


def _endings(rows: list[Row], titles: Mapping[str, str]) -> str:
    """What becomes of a stream of three tokens that ends without its ending."""
    ends = [row for row in rows if row["place"] == "ends"]
    return _across(ends, titles, list(ENDINGS), list(ENDINGS.values()), _story)


def _across(
    rows: list[Row], titles: Mapping[str, str], names: list[str], heads: list[str], say: Callable[[Row], str]
) -> str:
    """A line for each API and version, a column for each row's name."""
    lines = _head(["API", "SDK", *heads])
    for truth, title in titles.items():
        mine = [row for row in rows if row["truth"] == truth]
        for version in _versions(mine):
            same = [row for row in mine if row["version"] == version]
            cells = [_cell([row for row in same if row["row"] == name], say) for name in names]
            lines.append([title, f"`{same[0]['sdk']}` {version}", *cells])
    return _table(lines)


def _backoffs(rows: list[Row]) -> str:
    """What an SDK does of itself; the numbers are dice, so cells say only the name."""
    lines = _head(["SDK", "name", "waits"])
    said = {(row["sdk"], name, means) for row in rows for name, means in row["backoffs"].items()}
    lines += [[f"`{sdk}`", name, means] for sdk, name, means in sorted(said)]
    return _table(lines)


def _cell(rows: list[Row], say: Callable[[Row], str]) -> str:
    """What `rows` of one failure say: once where clients and requests agree, else by what tells them apart."""
    by: tuple[Callable[[Row], str], ...] = (
        lambda _: "",
        lambda row: str(row["flavour"]),
        lambda row: "streamed" if row["stream"] else "plain",
        lambda row: f"{row['flavour']}, {'streamed' if row['stream'] else 'plain'}",
    )
    for label in by:
        groups: dict[str, set[str]] = {}
        for row in rows:
            groups.setdefault(label(row), set()).add(say(row))
        if all(len(group) == 1 for group in groups.values()):
            break
    said = {label: next(iter(group)) for label, group in sorted(groups.items())}
    return "<br>".join(f"{label}: {story}" if label else story for label, story in said.items())


def _story(row: Row) -> str:
    """One outcome in words."""
    if row["raises"] is None:
        return f"no exception: {row['says']}"
    exception = " ".join([f"`{row['raises']}`", *([str(row["status"])] if row["status"] else [])])
    return exception if row["place"] in {"inside", "ends"} else f"{exception} · {_tries(row)}"


def _tries(row: Row) -> str:
    """How often it was tried, and with which waits."""
    tries, waits = row["tries"], row["waits"]
    if tries == 1:
        return "1 try"
    if isinstance(waits, str):
        return f"{tries} tries · {waits}"
    each = f"{waits:g}"
    return f"{tries} tries · waits {', '.join([each] * (tries - 1))} s"


def _versions(rows: list[Row]) -> list[str]:
    return sorted({row["version"] for row in rows}, key=lambda version: [int(part) for part in version.split(".")])


def _head(names: list[str]) -> list[list[str]]:
    return [names, ["---"] * len(names)]


def _table(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Write or compare."""
    tables = sorted((ROOT / "tests" / "sdk" / "truth").glob("*.yaml"))
    sdks = {name for path in tables for name in re.findall(r"^sdk: (\S+)$", path.read_text("utf-8"), re.MULTILINE)}
    constraints = {name: (ROOT / name).read_text("utf-8") for name in CONSTRAINTS}
    try:
        text = page(gather(RESULTS, constraints, sdks))
    except ResultsMissingError as error:
        sys.exit(f"{PAGE.relative_to(ROOT)}: {error}\nin {RESULTS.relative_to(ROOT)}\nrun: make test")
    stale = not PAGE.exists() or PAGE.read_text("utf-8") != text
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(
                f"{PAGE.relative_to(ROOT)} is not what the tests saw\nrun: make sdk-table, and look at what changed"
            )
    elif stale:
        PAGE.write_text(text, "utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
