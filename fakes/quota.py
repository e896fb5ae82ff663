"""What customers may use up: rules of limits, and the meters of each customer that a rule concerns.

A bucket is full at first, fills steadily, and gives what is asked for while it lasts; the refusal comes when it is
empty, with the wait that fills it again. A prompt's tokens are taken when it is admitted, an answer's once they are
produced, so a long answer may leave a debt that the next request waits for.

A rule is about keys, projects or organisations: all keys of an organisation share its meters. At each of the three
levels the nearest rule counts alone, and a request must pass at every level.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from .dialects.base import Headers
from .limits import Limits, Refusal
from .members import DEFAULT_ORGANISATION, STRANGER, Member
from .meters import Purse, Window
from .shelf import Shelf, Vendor, windows_of
from .windows import told

__all__ = ["Limits", "Quota", "Refusal", "Rule"]

HELD_MAX: Final = 100_000
"""Pairs of customer and model whose meters are kept; beyond it the one unused for longest counts as full again."""
STALE_S: Final = 0.001
"""Seconds that levels may be old when nothing is decided by them: most requests are admitted and settled at once."""
RULES_MAX: Final = 10_000
"""Rules that a quota may have."""
LEVELS: Final = ("key", "project", "organisation")
"""Whose meters a rule is about."""

_Held = TypeVar("_Held")


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits of a customer at a model.

    Attributes:
        level: One of `LEVELS`.
        whose: The key, project or organisation; None for each of them, each on its own.
        model: The model; None for each on its own; a pattern such as ``claude-*`` for all that it fits together.
        limits: What may be used.
        entry: The timeline entry that set it.
    """

    level: str
    whose: str | None
    model: str | None
    limits: Limits
    entry: str | None = None


class Quota:
    """The quotas of one provider.

    Args:
        failures: The failure kinds that the vendor has; what it lacks is said with the nearest it has.
        clock: Seconds that never go back.
        wall: Seconds since 1970, for resets that are moments.
        vendor: The vendor's name, for what one says in its own way.
    """

    def __init__(
        self,
        failures: frozenset[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        vendor: str = "",
    ) -> None:
        self.vendor = Vendor(vendor, failures, wall)
        self.member: Callable[[str], Member] = lambda _: STRANGER
        """Whose a credential is."""
        self._clock = clock
        self._rules: dict[tuple[str, str | None, str | None], Rule] = {}
        self._patterns: list[str] = []
        self._levels: list[str] = []
        self.grouped = False
        """Whether a rule is about projects or organisations."""
        self._shelves: OrderedDict[tuple[str, str, str], Shelf] = OrderedDict()
        self._found: dict[tuple[str | None, ...], tuple[Shelf, ...]] = {}
        self._purses: OrderedDict[tuple[str, str], Purse] = OrderedDict()
        self._windows: OrderedDict[tuple[str, str, str], list[Window]] = OrderedDict()

    @property
    def rules(self) -> list[Rule]:
        """The rules, in the order in which they were first set."""
        return list(self._rules.values())

    def set(
        self,
        limits: Limits,
        *,
        credential: str | None = None,
        project: str | None = None,
        organisation: str | None = None,
        model: str | None = None,
        level: str | None = None,
        entry: str | None = None,
    ) -> None:
        """Limit a customer (none named: each at `level`) at a model; the nearest rule of a level counts alone.

        Meters that the rule may concern are full again, what was spent stays spent.

        Args:
            limits: What may be used.
            credential: The key it is about.
            project: The project it is about, whose keys share it.
            organisation: The organisation it is about, whose keys share it.
            model: The model; None for each on its own; a pattern such as ``claude-*`` for all that it fits together.
            level: One of `LEVELS` when nobody is named: "key" unless told otherwise.
            entry: The timeline entry that sets it, which refusals then name.

        Raises:
            ValueError: when more than one is named, the level is none, or there are too many rules.
        """
        level, whose = self._whose({"key": credential, "project": project, "organisation": organisation}, level)
        if len(self._rules) >= RULES_MAX and (level, whose, model) not in self._rules:
            raise ValueError(f"a quota has at most {RULES_MAX} rules: reset it first")
        self._rules[level, whose, model] = Rule(level, whose, model, limits, entry)
        self._ruled(level, whose)

    def lift(
        self,
        *,
        credential: str | None = None,
        project: str | None = None,
        organisation: str | None = None,
        model: str | None = None,
        level: str | None = None,
    ) -> bool:
        """Take back the rule that `set` made with the same words; whether there was one.

        Raises:
            ValueError: when more than one is named, or the level is none.
        """
        level, whose = self._whose({"key": credential, "project": project, "organisation": organisation}, level)
        if self._rules.pop((level, whose, model), None) is None:
            return False
        self._ruled(level, whose)
        return True

    def reset(self) -> None:
        """No limits, and nothing spent."""
        self._rules.clear()
        self._patterns.clear()
        self._levels.clear()
        self.grouped = False
        self._shelves.clear()
        self._found.clear()
        self._purses.clear()
        self._windows.clear()

    def moved(self) -> None:
        """Look up anew whose each credential is: one was enrolled or forgotten."""
        self._found.clear()

    def admit(self, credential: str, model: str, input_tokens: int) -> Refusal | None:
        """Take a request and its prompt out of the meters; say what it is refused with if one has too little."""
        if not self._rules:
            return None
        now_s = self._clock()
        shelves = self._filled(credential, model, now_s)
        for shelf in shelves:
            if (refusal := shelf.refusal(model, input_tokens, now_s)) is not None:
                return refusal
        for shelf in shelves:
            shelf.take(input_tokens, now_s)
        return None

    def settle(self, credential: str, model: str, produced_tokens: int, usd: float) -> None:
        """Take what was produced out of the meters, and what it costs out of the purses."""
        if not self._rules:
            return
        now_s = self._clock()
        for shelf in self._filled(credential, model, now_s, STALE_S):
            shelf.settle(produced_tokens, usd, now_s)
            if usd and len(self._purses) >= HELD_MAX:
                self._spends(shelf)

    def headers(self, credential: str, model: str, headers: Headers) -> Headers:
        """`headers` with the meters' figures in place of the dialect's, each in the form the dialect gave it."""
        if not self._rules:
            return headers
        now_s = self._clock()
        for shelf in self._filled(credential, model, now_s, STALE_S):
            if shelf.buckets:
                headers = shelf.told(headers)
            if shelf.windows:
                headers = told(headers, shelf.windows, self.vendor, now_s)
        return headers

    def levels(self) -> Iterator[dict[str, Any]]:
        """Each meter that is in use: whose, model, what it counts, limit, remaining, seconds to its reset."""
        now_s = self._clock()
        for (level, whose, model), shelf in self._shelves.items():
            told_ = {"level": level, "whose": whose, "model": model}
            for bucket in shelf.buckets:
                bucket.fill(now_s)
                yield {
                    **told_,
                    "counted": bucket.counted,
                    "period_s": bucket.period_s,
                    "limit": bucket.limit,
                    "remaining": bucket.level,
                    "reset_s": bucket.reset_s,
                }
        for (level, whose, model), windows in self._windows.items():
            for window in windows:
                window.roll(now_s)
                yield {
                    "level": level,
                    "whose": whose,
                    "model": model,
                    "counted": f"window_{window.short}",
                    "period_s": window.period_s,
                    "limit": window.limit,
                    "remaining": window.limit - window.used,
                    "reset_s": window.reset_s(now_s),
                }

    def spent(self) -> Iterator[tuple[str, str, float, float]]:
        """Level, customer, US dollars spent in all, and in the calendar month."""
        wall_s = self.vendor.wall()
        for (level, whose), purse in self._purses.items():
            if purse.spent_usd:
                yield level, whose, purse.spent_usd, purse.month_usd(wall_s)

    def _whose(self, named: Mapping[str, str | None], level: str | None) -> tuple[str, str | None]:
        given = [(each, whose) for each, whose in named.items() if whose is not None]
        if len(given) > 1 or (given and level not in {None, given[0][0]}):
            raise ValueError("a rule is about one key, project or organisation: name one of them, or a level")
        if level is not None and level not in LEVELS:
            raise ValueError(f"a rule's level is one of {', '.join(LEVELS)}, not {level!r}")
        if not given:
            return level or "key", None
        each, whose = given[0]
        if each == "key" and whose is not None:
            whose = self.member(whose).owner or whose
        return each, whose

    def _ruled(self, level: str, whose: str | None) -> None:
        """Let go of what the rules of a customer (None: of each) have changed for."""
        patterns = {model for _, _, model in self._rules if model is not None and ("*" in model or "?" in model)}
        self._patterns = sorted(patterns, key=lambda each: (-len(each), each))  # the longest says most
        self._levels = [each for each in LEVELS if any(each == rule.level for rule in self._rules.values())]
        self.grouped = self._levels not in ([], ["key"])
        self._found.clear()
        for held in (self._shelves, self._windows):
            for key in [key for key in held if key[0] == level and whose in {None, key[1]}]:
                del held[key]

    def _filled(self, credential: str, model: str, now_s: float, stale_s: float = 0.0) -> tuple[Shelf, ...]:
        """The meters of a request, brought up to now, or to `stale_s` ago at most."""
        key: tuple[str | None, ...] = (credential, model)
        if self.grouped:
            member = self.member(credential)
            key = (credential, model, member.project, member.organisation)
        shelves = self._found.get(key)
        if shelves is None:
            shelves = self._find(credential, model, now_s)
            if len(self._shelves) > HELD_MAX or len(self._found) >= HELD_MAX:
                self._found.clear()
                while len(self._shelves) > HELD_MAX:
                    self._shelves.popitem(last=False)
            self._found[key] = shelves
        if len(self._shelves) > HELD_MAX // 2:  # only then does it matter who came last
            for shelf in shelves:
                self._shelves.move_to_end(shelf.key)
        for shelf in shelves:
            if now_s - shelf.filled_s >= stale_s:
                shelf.fill(now_s)
        return shelves

    def _find(self, credential: str, model: str, now_s: float) -> tuple[Shelf, ...]:
        member = self.member(credential)
        subjects = {
            "key": member.owner or credential,
            "project": member.project,
            "organisation": member.organisation or DEFAULT_ORGANISATION,
        }
        shelves = []
        for level in self._levels:
            whose = subjects[level]
            rule = None if whose is None else self._nearest(level, whose, model)
            if rule is not None and whose is not None:
                shelves.append(self._shelf(rule, whose, model, now_s))
        return tuple(shelves)

    def _spends(self, shelf: Shelf) -> None:
        """Remember longest who spends, now that not all can be remembered."""
        self._purses[shelf.key[:2]] = shelf.purse
        self._purses.move_to_end(shelf.key[:2])
        if len(self._purses) > HELD_MAX:
            self._purses.popitem(last=False)

    def _nearest(self, level: str, whose: str, model: str) -> Rule | None:
        names = (model, *(each for each in self._patterns if fnmatchcase(model, each)), None)
        for who in (whose, None):
            for name in names:
                if (rule := self._rules.get((level, who, name))) is not None:
                    return rule
        return None

    def _shelf(self, rule: Rule, whose: str, model: str, now_s: float) -> Shelf:
        shared = rule.model if rule.model in self._patterns and rule.model is not None else model
        key = (rule.level, whose, shared)
        shelf = self._shelves.get(key)
        if shelf is None:
            purse = _held(self._purses, (rule.level, whose), Purse)
            windows = []
            if rule.limits.window_5h_tokens or rule.limits.window_7d_tokens:
                windows = _held(self._windows, (rule.level, whose, rule.model or ""), lambda: windows_of(rule.limits))
            shelf = self._shelves[key] = Shelf(key, rule.limits, rule.entry, self.vendor, purse, windows, now_s)
        return shelf


def _held(held: OrderedDict[Any, _Held], key: Any, make: Callable[[], _Held]) -> _Held:
    """What is held for a key, made if it isn't there; what was unused for longest makes way."""
    found = held.get(key)
    if found is None:
        found = held[key] = make()
        if len(held) > HELD_MAX:
            held.popitem(last=False)
    else:
        held.move_to_end(key)
    return found
