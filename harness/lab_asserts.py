"""What a test may claim about the requests that its code sent: each failure shows what arrived instead."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from operator import methodcaller
from typing import TYPE_CHECKING

from ..fakes.answer import Mark, Reading, Shape, expected, expected_object, find_mark, inspect
from .errors import HarnessError
from .lab_requests import Request, table

if TYPE_CHECKING:
    from ..fakes.invoice import Bill

__tracebackhide__ = methodcaller("errisinstance", (AssertionError, HarnessError))  # pytest shows the test's own line
_OUTCOMES = {Reading.STITCHED: "stitched", Reading.FOREIGN: "foreign", Reading.CORRUPTED: "corrupted"}


class Assertions(ABC):
    """Assertions over the log of requests. An `AssertionError` ends with the table of what arrived."""

    @property
    @abstractmethod
    def requests(self) -> list[Request]:
        """Every request that arrived, in order."""

    @property
    @abstractmethod
    def bills(self) -> list[Bill]:
        """Everything that was billed, in order."""

    @property
    @abstractmethod
    def bitten(self) -> dict[str, int]:
        """How often each entry of the timeline met something."""

    @abstractmethod
    def must_be(self, name: str) -> None:
        """Raise a `HarnessError` where no provider can have this name: of a misspelt one anything would be true."""

    @abstractmethod
    def door_shut(self, name: str, request: Request) -> bool:
        """Whether a provider took no connections when a request came to another."""

    def assert_failed_over(self, from_: str, to: str) -> None:
        """`from_` failed, and afterwards `to` answered. A provider that takes no connections has failed, too."""
        self.must_be(from_)
        self.must_be(to)
        log = self.requests
        failed = False
        for each in log:
            failed = failed or (each.provider == from_ and each.failed)
            if each.provider == to and each.ok and (failed or self.door_shut(from_, each)):
                return
        if not failed:
            found = f"{from_} did not fail" if any(each.provider == from_ for each in log) else f"{from_} was not asked"
        elif any(each.provider == to for each in log):
            found = f"{to} did not answer after it"
        else:
            found = f"{to} was not asked"
        _fail(f"expected a failover from {from_} to {to}, but {found}", log)

    def assert_no_calls_to(self, name: str) -> None:
        """No request came to this provider (since `forget`)."""
        self.must_be(name)
        log = self.requests
        if count := sum(each.provider == name for each in log):
            _fail(f"expected no request to {name}, but {_times(count)} arrived", log)

    def assert_calls(self, name: str, count: int) -> None:
        """So many requests came to this provider (since `forget`)."""
        self.must_be(name)
        log = self.requests
        found = sum(each.provider == name for each in log)
        if found != count:
            _fail(f"expected {_times(count)} to {name}, but {found} arrived", log)

    def assert_retried_at_most(self, count: int, name: str | None = None) -> None:
        """No question was asked again more often than this, at one provider or (none named) over all of them.

        Requests with the same last user content, or the same mark in it, are one question.
        """
        if name is not None:
            self.must_be(name)
        log = self.requests
        asked = Counter(each.mark or each.text or each.content for each in log if name in (None, each.provider))
        retries = max(asked.values(), default=1) - 1
        if retries > count:
            where = f" at {name}" if name else ""
            _fail(f"expected at most {count} retries of a question{where}, but one was retried {retries} times", log)

    def assert_answered_by(self, name: str, answer: str | None = None) -> None:
        """The last answer came from this provider; with the text of an answer to a marked prompt: that one did."""
        self.must_be(name)
        log = self.requests
        if answer is None:
            good = [each.provider for each in log if each.ok]
            found = good[-1] if good else "nobody"
        else:
            found = " and ".join(speakers(answer)) or "nobody (it has no watermark: ask with banstorm.prompt())"
        if found != name:
            _fail(f"expected the answer from {name}, but it came from {found}", log)

    def assert_right(self, prompt: str, answer: str) -> None:
        """`answer` is the right one to a marked prompt, whole and from one provider."""
        outcome = self.judge(prompt, answer)
        if outcome != "ok":
            _fail(f"expected the right answer, but it is {outcome}: {answer[:200]!r}", self.requests)

    def assert_cost_at_most(self, usd: float) -> None:
        """Everything that was billed (since `forget`) costs at most this, in US dollars."""
        bills = self.bills
        if (cost := sum(bill.usd for bill in bills)) > usd:
            by = ", ".join(f"{name} ${_sum(bills, name):.6f}" for name in sorted({bill.provider for bill in bills}))
            _fail(f"expected a cost of at most ${usd:.6f}, but it is ${cost:.6f} ({by})", self.requests)

    def assert_bitten(self, entry: str | None = None) -> None:
        """Each entry of the timeline met a request, or the one of that name did: else the test has proved nothing."""
        counts = self.bitten
        meant = {each: count for each, count in counts.items() if entry is None or entry in {each, _name(each)}}
        if not meant:
            _fail(f"expected {entry or 'a timeline'} to be played, but played is {_list(counts)}", self.requests)
        if idle := [each for each, count in meant.items() if not count]:
            _fail(f"expected each entry to meet a request, but {_list(idle)} met none", self.requests)

    @staticmethod
    def judge(prompt: str, answer: str) -> str:
        """What the answer to a marked prompt is: ok, stitched, foreign, corrupted or truncated.

        Args:
            prompt: As `prompt` made it.
            answer: What the caller got: a text, a JSON text, or a tool's arguments as JSON text.

        Raises:
            ValueError: when the prompt has no mark.
        """
        mark = find_mark(prompt)
        if mark is None:
            raise ValueError("this prompt has no mark: make it with banstorm.prompt()")
        reading = inspect(answer, mark)
        if reading.reading is Reading.PREFIX:
            return "truncated"
        if reading.reading is not Reading.EXACT:
            return _OUTCOMES[reading.reading]
        return "ok" if _canonical(mark, reading.providers[0], answer) else "corrupted"


def speakers(answer: str) -> list[str]:
    """The providers that an answer's watermarks name, in order."""
    found: dict[str, None] = {}
    for word in answer.replace('"', " ").split():
        parts = word.split(".")
        if word.startswith("~") and len(parts) == 6:
            found[parts[2]] = None
    return list(found)


def _canonical(mark: Mark, provider: str, answer: str) -> bool:
    if mark.shape is Shape.TEXT:
        return answer.strip() == expected(mark, provider)
    try:
        return bool(json.loads(answer) == expected_object(mark, provider))
    except ValueError:
        return False


def _fail(what: str, log: list[Request]) -> None:
    raise AssertionError(f"{what}\nwhat arrived:\n{table(log)}")


def _times(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


def _sum(bills: list[Bill], name: str) -> float:
    return sum(bill.usd for bill in bills if bill.provider == name)


def _name(entry: str) -> str:
    return entry.partition(":")[2]


def _list(names: object) -> str:
    return ", ".join(map(str, names)) or "nothing" if isinstance(names, dict | list) else str(names)
