"""Reads the user's own terms from the command line: `--slo 99.9%`, `--volume 2M/day`, `--outage 4h`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Final

from ..reports.terms import Terms
from ..scenarios.units import parse_duration, parse_share
from .errors import HarnessError

_VOLUME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)\s*/\s*(s|m|h|day|month)")
_TIMES: Final = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_A_DAY: Final = {"s": 86_400.0, "m": 1440.0, "h": 24.0, "day": 1.0, "month": 1 / 30}
VOLUME_PER_DAY_MAX: Final = 1e12
"""Most calls a day that are believed."""


@dataclass(frozen=True, slots=True)
class Told:
    """The terms of a run that is about to be played, with the words that repeat them on a command line."""

    terms: Terms = field(default_factory=Terms)
    words: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, float]:
        """What `run.json` has of them: nothing of what the user left open."""
        return {name: value for name, value in asdict(self.terms).items() if value is not None}


def told(slo: str | None, volume: str | None, outage: str | None) -> Told:
    """The terms as they were written, and the words.

    Raises:
        HarnessError: when one of them can't be understood.
    """
    options = {"--slo": slo, "--volume": volume, "--outage": outage}
    words = [word for name, text in options.items() if text is not None for word in (name, text.strip())]
    return Told(terms(slo, volume, outage), tuple(words))


def terms(slo: str | None, volume: str | None, outage: str | None) -> Terms:
    """The terms as they were written.

    Raises:
        HarnessError: when one of them can't be understood.
    """
    return Terms(
        None if slo is None else _slo(slo),
        None if volume is None else parse_volume(volume),
        None if outage is None else _outage(outage),
    )


def parse_volume(text: str) -> float:
    """Calls a day of a volume such as ``2M/day``, ``30k/h`` or ``60/s``.

    Raises:
        HarnessError: when it is none.
    """
    match = _VOLUME.fullmatch(text.strip())
    calls = float(match[1]) * _TIMES[match[2]] * _A_DAY[match[3]] if match else 0.0
    if not 0 < calls <= VOLUME_PER_DAY_MAX:
        raise HarnessError(f"{text!r} is no volume of calls", "--volume", "write it like 2M/day, 30k/h or 60/s")
    return calls


def _slo(text: str) -> float:
    try:
        share = parse_share(text)
    except ValueError as error:
        raise HarnessError(str(error), "--slo", "write it like 99.9%") from error
    if not 0 < share < 1:
        raise HarnessError(f"{text!r} leaves no error budget, or no service", "--slo", "write it like 99.9%")
    return share


def _outage(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise HarnessError(str(error), "--outage", "write it like 4h") from error
    if not seconds:
        raise HarnessError("an outage of no length", "--outage", "write it like 4h")
    return seconds
