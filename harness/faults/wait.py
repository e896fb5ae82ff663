"""When to come back, in every form in which providers have said it: a number, a fraction, a date, junk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_WAIT: Final = re.compile(r"(?:(fraction|date)\s+)?(-?\d{1,16}(?:\.\d{1,6})?)\s*(us|ms|s|m|h)")
_TEXT: Final = re.compile(r"text ([!-~](?:[ -~]{0,98}[!-~])?)")
_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
WAIT_S_MAX: Final = 100_000 * 3600.0
"""Longest wait, in seconds, either way: eleven years, so that absurd ones can be said too."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait: `form` is "" (as the vendor writes it), "fraction", "date" or "text", which alone has no `seconds`."""

    form: str
    seconds: float
    text: str = ""

    @property
    def told(self) -> float | str:
        """What a vendor's words are filled with: seconds, or text that is no time."""
        return self.text if self.form == "text" else whole(self.seconds)

    def header(self, wall_s: float) -> str:
        """The header's value, `wall_s` being now in seconds since 1970."""
        match self.form:
            case "text":
                return self.text
            case "date":
                return formatdate(wall_s + self.seconds, usegmt=True)
            case "fraction":
                return _fraction(self.seconds)
            case _:
                return str(whole(self.seconds))

    def header_ms(self, wall_s: float) -> str:
        """The value of a header that counts in milliseconds."""
        if self.form in {"text", "date"}:
            return self.header(wall_s)
        return _fraction(self.seconds * 1000) if self.form == "fraction" else str(round(self.seconds * 1000))

    def render(self) -> str:
        """As a scenario has it."""
        if self.form == "text":
            return f"text {self.text}"
        return f"{self.form} {self.seconds * 1e6:.0f}us".lstrip()


def whole(seconds: float) -> int | float:
    """The same, as an integer if it is one."""
    return int(seconds) if seconds == int(seconds) else seconds


def _fraction(value: float) -> str:
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def parse_wait(value: Any) -> Wait:
    """A wait such as ``2s``, ``0s``, ``-5s``, ``fraction 2s`` (2.0), ``date 30s`` (30 s from now) or ``text soon``.

    Raises:
        ValueError: when it is none of these, or longer than `WAIT_S_MAX`.
    """
    if isinstance(value, Wait):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if (junk := _TEXT.fullmatch(text)) is not None:
        return Wait("text", 0.0, junk[1])
    match = _WAIT.fullmatch(text)
    if match is None:
        raise ValueError(
            "expected a wait with its unit, such as 2s, 0s, -5s, fraction 1500ms, date 30s, or junk such as text soon; "
            f"found {value!r}"
        )
    seconds = float(match[2]) * _SECONDS[match[3]]
    if abs(seconds) > WAIT_S_MAX:
        raise ValueError(f"expected a wait of at most {WAIT_S_MAX / 3600:.0f}h; found {value!r}")
    return Wait(match[1] or "", seconds)


WaitText = Annotated[
    Wait,
    BeforeValidator(parse_wait),
    PlainSerializer(Wait.render, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*(((fraction|date)\s+)?-?\d+(\.\d+)?\s*(us|ms|s|m|h)|text [!-~].*)\s*$",
            "examples": ["2s", "date 30s", "fraction 1500ms", "text soon"],
        }
    ),
]
"""A wait, with its unit and its form."""
