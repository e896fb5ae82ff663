"""A string for a regular expression of the kind that JSON schemas use, without ever running the expression.

The expression comes from a caller, and matching it could take for ever; building one match from its parts can't.
Understood: literals, escapes, classes, groups, alternatives (the first is taken), quantifiers, anchors. Anything else
(look-around, back-references) gives no string.
"""

from __future__ import annotations

from typing import Final

LETTERS_MAX: Final = 512
"""Letters of an expression that are read, and of a string that is built."""
NESTING_MAX: Final = 20
"""Groups within groups."""

_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "t": "\t", "n": "\n", "r": "\r"}
_ORDINARY: Final = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_ ."


class _NotUnderstoodError(Exception):
    """The expression uses something that is not built here."""


def sample(pattern: str, length_min: int = 0) -> str | None:
    """A string that `pattern` matches, with at least `length_min` letters where an open quantifier allows; or None."""
    if len(pattern) > LETTERS_MAX:
        return None
    try:
        text = _Builder(pattern, 0).build()
        if len(text) < length_min:
            text = _Builder(pattern, min(length_min, LETTERS_MAX) - len(text)).build()
    except (_NotUnderstoodError, IndexError):
        return None
    return text


class _Builder:
    def __init__(self, pattern: str, stretch: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._stretch = stretch  # letters that the first open quantifier shall add

    def build(self) -> str:
        text = self._alternatives(0)
        if self._at != len(self._pattern):
            raise _NotUnderstoodError
        return text

    def _alternatives(self, nesting: int) -> str:
        if nesting > NESTING_MAX:
            raise _NotUnderstoodError
        first = self._sequence(nesting)
        while self._peek() == "|":
            self._at += 1
            self._sequence(nesting)  # read over
        return first

    def _sequence(self, nesting: int) -> str:
        built = ""
        while self._at < len(self._pattern) and self._peek() not in "|)":
            unit = self._unit(nesting)
            built += self._repeat(unit)
            if len(built) > LETTERS_MAX:
                raise _NotUnderstoodError
        return built

    def _unit(self, nesting: int) -> str:
        letter = self._next()
        if letter in "^$":
            return ""
        if letter == "(":
            if self._peek() == "?":
                self._group_kind()
            inner = self._alternatives(nesting + 1)
            if self._next() != ")":
                raise _NotUnderstoodError
            return inner
        if letter == "[":
            return self._class()
        if letter == "\\":
            return self._escape()
        if letter in "*+?{":
            raise _NotUnderstoodError
        return "a" if letter == "." else letter

    def _group_kind(self) -> None:
        rest = self._pattern[self._at :]
        if rest.startswith("?:"):
            self._at += 2
        elif rest.startswith(("?P<", "?<")) and rest[2:3] not in "=!" and ">" in rest:
            self._at += rest.index(">") + 1
        else:
            raise _NotUnderstoodError

    def _escape(self) -> str:
        letter = self._next()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter in "bBAZ":
            return ""
        if letter.isalnum():
            raise _NotUnderstoodError
        return letter

    def _class(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        members: list[tuple[str, str]] = []
        while not (self._peek() == "]" and members):
            low = self._next()
            if low == "\\":
                low = self._escape()
            high = low
            if self._peek() == "-" and self._pattern[self._at + 1] != "]":
                self._at += 1
                high = self._next()
                high = self._escape() if high == "\\" else high
            members.append((low, high))
        self._at += 1
        if not negated:
            return members[0][0]
        for letter in _ORDINARY:
            if not any(low <= letter <= high or (low == "a" and letter.isalnum()) for low, high in members):
                return letter
        raise _NotUnderstoodError

    def _repeat(self, unit: str) -> str:
        least, open_ended = self._quantifier()
        if open_ended and unit and self._stretch > 0:
            more = -(-self._stretch // len(unit))
            self._stretch = 0
            least += more
        if least * len(unit) > LETTERS_MAX:
            raise _NotUnderstoodError
        return unit * least

    def _quantifier(self) -> tuple[int, bool]:
        """The least number of repeats, and whether there may be any number more."""
        mark = self._peek()
        found = {"*": (0, True), "+": (1, True), "?": (0, False)}.get(mark)
        if found is not None:
            self._at += 1
        elif mark == "{":
            end = self._pattern.index("}", self._at) if "}" in self._pattern[self._at :] else -1
            low, comma, high = self._pattern[self._at + 1 : end].partition(",")
            if end < 0 or not low.isdecimal() or len(low) > 3:
                raise _NotUnderstoodError
            found = int(low), bool(comma) and not high
            self._at = end + 1
        else:
            return 1, False
        if self._peek() in ("?", "+"):  # lazy or possessive: the same strings
            self._at += 1
        return found

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _next(self) -> str:
        letter = self._pattern[self._at]
        self._at += 1
        return letter
