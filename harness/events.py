"""What happens in a run, as plain frozen events. The engine knows no listener; readers are a file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happens. `at_s` is seconds after time 0 (negative before), None before time 0 is known."""

    at_s: float | None


@dataclass(frozen=True, slots=True)
class Starting(Event):
    """A part of ours is being started."""

    part: str


@dataclass(frozen=True, slots=True)
class Preparing(Event):
    """What the target needs is being installed."""

    what: str


@dataclass(frozen=True, slots=True)
class Configured(Event):
    """The target was configured: what was set and departs from its vendor's defaults."""

    target: str
    departures: Sequence[str]


@dataclass(frozen=True, slots=True)
class ProvidersReady(Event):
    """The providers can be reached: name to the base URL that a router must use."""

    base_urls: Mapping[str, str]
    models: Mapping[str, str]
    waiting_for_user: bool
    intercepted: bool = False
    """Whether the router reaches them by the proxy, believing that they are the vendors."""


@dataclass(frozen=True, slots=True)
class Intercepting(Event):
    """The proxy is there; a router needs this environment, which is also in a file to source."""

    url: str
    file: Path
    variables: Mapping[str, str]
    waiting_for_user: bool


@dataclass(frozen=True, slots=True)
class TargetReady(Event):
    """The target answered marked calls."""

    target: str
    base_url: str


@dataclass(frozen=True, slots=True)
class LoadStarted(Event):
    """The load has begun."""

    calls: int
    rate: str
    until_s: float


@dataclass(frozen=True, slots=True)
class FaultArmed(Event):
    """A fault's window has opened."""

    entry: str
    provider: str


@dataclass(frozen=True, slots=True)
class FaultBit(Event):
    """A fault bit for the first time."""

    entry: str
    provider: str


@dataclass(frozen=True, slots=True)
class FaultDisarmed(Event):
    """A fault's window has closed."""

    entry: str
    provider: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Counters, twice a second. `load` and each of `providers` are as the children say them (see `child`)."""

    load: Mapping[str, Any] = field(default_factory=dict)
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something that the reader of the report should know, and that breaks nothing."""

    what: str


@dataclass(frozen=True, slots=True)
class PartFailed(Event):
    """A part of ours failed, so the run proves nothing."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class TargetExited(Event):
    """The router under test ended by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """The load is over; processes are being stopped."""


@dataclass(frozen=True, slots=True)
class Reporting(Event):
    """The ledger is complete; the report is being made."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Reported(Event):
    """The report is written, and the run was judged."""

    folder: Path
    verdict: str
    sentence: str


Listener = Callable[[Event], None]
