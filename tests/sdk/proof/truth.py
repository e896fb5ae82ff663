"""The tables of truth: what each SDK makes of each failure, written by hand in ``truth/*.yaml``.

Their sources are the vendors' documentation and what the SDKs of these versions did; nothing in them is computed from
the fakes. `Row` is a line of them. What an older generation of an SDK makes of a failure stands under ``until`` and the
major version that changed it; what only an asynchronous client, or a request for a stream, makes of it stands under
``asynchronous`` and ``streamed``.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "truth"
PLACES = ("before", "retrying", "told", "inside", "ends")
"""Where a failure stands: before the answer; the same, and the client was told to retry; with a wait that is asked for;
inside a stream; and streams that end without their ending."""
STREAMED = frozenset({"inside", "ends"})
"""Where only streams are asked for."""


@dataclass(frozen=True)
class Row:
    """What an SDK makes of a failure.

    `raises` is the exception's class, None if nothing is raised; `status` is the one the exception tells; `says` is the
    vendor's code as the SDK tells it, or what a caller sees when nothing is raised; `tries` counts requests; `waits` is
    what each wait before another request was, in seconds, or the name of a kind of backoff.
    """

    raises: str | None
    status: int | None
    says: str | None
    tries: int = 1
    waits: float | str | None = None


@dataclass(frozen=True)
class Truth:
    """One file: an SDK, an API of a vendor, and its rows by place and name."""

    name: str
    dialect: str
    player: str
    sdk: str
    title: str
    backoffs: Mapping[str, Mapping[str, Any]]
    asks_for_7_s: frozenset[str]
    rows: Mapping[str, Mapping[str, Row]]
    asynchronous: Mapping[str, Mapping[str, Row]]
    streamed: Mapping[str, Mapping[str, Row]]
    without_request_id: frozenset[str]

    def row(self, place: str, name: str, *, flavour: str, stream: bool) -> Row:
        """What a client of that flavour makes of it, when a stream is asked for or a plain answer."""
        special = [self.streamed] if stream and place not in STREAMED else []
        special += [self.asynchronous] if flavour == "async" else []
        found = [rows[place][name] for rows in special if name in rows.get(place, {})]
        return found[0] if found else self.rows[place][name]

    def streams(self, place: str, name: str) -> tuple[bool, ...]:
        """Whether it is played to plain requests, to requests for a stream, or to both."""
        if place in STREAMED:
            return (True,)
        return (False, True) if place == "before" and self.rows[place][name].raises else (False,)

    @property
    def kinds(self) -> set[str]:
        """The failures that it has a row for; a row's name is a kind, or a kind and one of its variants."""
        return {name.partition("/")[0] for name in self.rows["before"]}

    @property
    def variants(self) -> set[tuple[str, str]]:
        """The variants that it has a row for."""
        split = [name.partition("/") for name in self.rows["before"]]
        return {(kind, variant) for kind, _, variant in split if variant}

    def details(self, place: str, name: str) -> dict[str, Any]:
        """What the failure's words are filled with in that row."""
        if place == "told":
            return {"retry_after": float(name) if "." in name else int(name)}
        _, _, variant = name.partition("/")
        wait = {"retry_after": 7} if name in self.asks_for_7_s else {}
        return {**wait, "variant": variant} if variant else wait

    def fits(self, wanted: float | str | None, waits: list[float]) -> bool:
        """Whether `waits` are what a row means by `wanted`."""
        if isinstance(wanted, str):
            ranges = self.backoffs[wanted]["each"]
            return 0 < len(waits) <= len(ranges) and all(
                low <= wait <= high for wait, (low, high) in zip(waits, ranges, strict=False)
            )
        return all(abs(wait - (wanted or 0)) < 1e-6 for wait in waits)


def version(sdk: str) -> str | None:
    """The version of `sdk` in this environment, None if it isn't there."""
    try:
        return importlib.metadata.version(sdk)
    except importlib.metadata.PackageNotFoundError:
        return None


def load(path: Path) -> Truth:
    """One file, as it reads for the version of the SDK that is installed (the newest if none is)."""
    given = yaml.safe_load(path.read_text("utf-8"))
    installed = version(given["sdk"])
    rows = {place: dict(given.get(place, {})) for place in PLACES}
    if installed is not None:
        for major in sorted(given.get("until", {}), reverse=True):
            if int(installed.partition(".")[0]) < major:
                for place, changed in given["until"][major].items():
                    rows[place].update(changed)
    if "retrying" in given:  # what isn't named there is tried once, told to retry or not
        rows["retrying"] = {
            name: [*row[:3], *rows["retrying"].get(name, [1, None])] for name, row in rows["before"].items()
        }
    return Truth(
        name=path.stem,
        dialect=given["dialect"],
        player=given["player"],
        sdk=given["sdk"],
        title=given["title"],
        backoffs=given.get("backoffs", {}),
        asks_for_7_s=frozenset(given.get("asks_for_7_s", ())),
        rows=_rows(rows),
        asynchronous=_rows(given.get("asynchronous", {})),
        streamed=_rows(given.get("streamed", {})),
        without_request_id=frozenset(given.get("without_request_id", ())),
    )


def _rows(places: Mapping[str, Mapping[Any, list[Any]]]) -> dict[str, dict[str, Row]]:
    return {place: {str(name): Row(*row) for name, row in named.items()} for place, named in places.items()}


@cache
def truths() -> tuple[Truth, ...]:
    """Every file, in the order of their names."""
    return tuple(load(path) for path in sorted(FOLDER.glob("*.yaml")))


def cases() -> Iterator[tuple[Truth, str, str]]:
    """Each row that can be played here: its file, place and name."""
    for truth in truths():
        if version(truth.sdk) is not None:
            for place, rows in truth.rows.items():
                yield from ((truth, place, name) for name in rows)
