"""Changes of standing on a clock: what is in force now, and which requests it has reached.

In one chain the change that began last and has reached the request counts, so "ok" reinstates what an earlier one
took away.
"""

from __future__ import annotations

import bisect
import difflib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

OK: Final = "ok"
LEVELS: Final = ("region", "key", "project", "organisation", "everyone")
"""The levels at which a request must be in good standing, in the order in which they are looked at."""
CHAINS_MAX: Final = 100_000
"""Keys, projects and so on, each, that have a standing of their own."""
CHANGES_MAX: Final = 256
"""Changes that one of them keeps; beyond it the one that began first is forgotten."""
NODES: Final = 64
"""Nodes of the vendor among which requests are spread while a change has not reached them all."""


class AccountError(ValueError):
    """An account can't be had or changed as asked; the message says what to do."""


class When(TypedDict, total=False):
    """When and how a change comes: what every kind of change takes.

    Attributes:
        in_s: Seconds from now until it begins; 0 unless given.
        for_s: Seconds until it ends by itself; None for never.
        share: Share of credentials that it reaches, from 0 to 1; all unless given.
        rollout_s: Seconds over which that share grows from nothing.
        settle_s: Seconds that it takes to reach every node: until then a falling share of requests passes.
        details: Details of the failure's words.
        entry: The timeline entry that makes it, which refusals then name.
    """

    in_s: float
    for_s: float | None
    share: float
    rollout_s: float
    settle_s: float
    details: Mapping[str, Any] | None
    entry: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_s` on (seconds of the clock), to `until_s` unless that is None, the standing is `state`.

    Attributes:
        state: "ok", or a failure kind of the vendor.
        at_s: When it begins.
        until_s: When it ends by itself, and what was before counts again.
        share: Share of credentials that it ever reaches, a higher one including those of a lower one.
        rollout_s: Seconds over which that share grows from nothing.
        settle_s: Seconds that it takes to reach every node.
        number: Its place among all changes.
        details: Details of the failure's words.
        entry: The timeline entry that made it.
    """

    state: str
    at_s: float
    until_s: float | None = None
    share: float = 1.0
    rollout_s: float = 0.0
    settle_s: float = 0.0
    number: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    entry: str | None = None


def make(state: str, when: When, *, failures: frozenset[str], now_s: float, number: int) -> Change:
    """A change to `state`, the `number`-th of a vendor that has these `failures`, counted from `now_s`.

    Raises:
        AccountError: when the vendor has no such failure, or the figures make no sense.
    """
    if state != OK and state not in failures:
        near = difflib.get_close_matches(state, failures, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {sorted(failures)}"
        raise AccountError(f"this vendor has no failure {state!r}: {hint}")
    share, for_s = when.get("share", 1.0), when.get("for_s")
    in_s, rollout_s, settle_s = when.get("in_s", 0.0), when.get("rollout_s", 0.0), when.get("settle_s", 0.0)
    if not 0 <= share <= 1 or min(in_s, rollout_s, settle_s) < 0 or not (for_s is None or for_s > 0):
        raise AccountError("a change needs a share from 0 to 1, no negative times, and an end after its start")
    return Change(
        state,
        at_s=now_s + in_s,
        until_s=None if for_s is None else now_s + in_s + for_s,
        share=share,
        rollout_s=rollout_s,
        settle_s=settle_s,
        number=number,
        details=dict(when.get("details") or {}),
        entry=when.get("entry"),
    )


class Reach:
    """Says which change of a chain is in force for a request, by the seed alone.

    Args:
        seed: Seed of who is reached first.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked: dict[str, int] = {}

    def in_force(self, chain: list[Change], credential: str | None, now_s: float) -> Change | None:
        """The change that began last and has reached this request; without a credential, only one that reaches all."""
        node: int | None = None
        for change in reversed(chain):
            since_s = now_s - change.at_s
            if since_s < 0 or (change.until_s is not None and now_s >= change.until_s):
                continue
            if since_s < change.settle_s and credential is not None:
                if node is None:
                    node = self._node(credential)
                if since_s < change.settle_s * _chance(self._seed, "node", change.number, node):
                    continue
            share = change.share
            if since_s < change.rollout_s:
                share *= since_s / change.rollout_s
            if share < 1 and (credential is None or _chance(self._seed, "cohort", credential) >= share):
                continue
            return change
        return None

    def forget(self, credential: str | None = None) -> None:
        """Forget how often a credential (None: any) asked."""
        if credential is None:
            self._asked.clear()
        else:
            self._asked.pop(credential, None)

    def _node(self, credential: str) -> int:
        """The node that the credential's next request comes to."""
        if len(self._asked) >= CHAINS_MAX:
            self._asked.clear()
        asked = self._asked[credential] = self._asked.get(credential, 0) + 1
        return int(_chance(self._seed, "request", credential, asked) * NODES)


class Standings:
    """The changes of each level's members; "everyone" has the one member ""."""

    def __init__(self) -> None:
        self._chains: dict[str, dict[str, list[Change]]] = {level: {} for level in LEVELS}
        self.any = False
        """Whether anybody's standing was ever changed."""
        self.grouped = False
        """Whether a project's or organisation's was."""

    def add(self, level: str, whose: str, change: Change) -> None:
        """Add a change.

        Raises:
            AccountError: when too many have a standing of their own.
        """
        chains = self._chains[level]
        if whose not in chains and len(chains) >= CHAINS_MAX:
            raise AccountError(f"{CHAINS_MAX} have a standing of their own already: reset first")
        insert(chains.setdefault(whose, []), change)
        self.any = True
        self.grouped = self.grouped or level in {"project", "organisation"}

    def of(self, level: str, whose: str) -> list[Change] | None:
        """The changes of one member, in the order in which they begin; None if there are none."""
        return self._chains[level].get(whose)

    def has(self, level: str) -> bool:
        """Whether anybody at a level has a standing of its own."""
        return bool(self._chains[level])

    def forget(self, level: str, whose: str) -> None:
        """Forget one member's changes."""
        self._chains[level].pop(whose, None)

    def clear(self, kept: Callable[[str], bool] = lambda _: False) -> None:
        """Forget them all, but for those of the keys that are `kept`."""
        keys = {key: chain for key, chain in self._chains["key"].items() if kept(key)}
        for chains in self._chains.values():
            chains.clear()
        self._chains["key"] = keys
        self.any, self.grouped = bool(keys), False

    def __iter__(self) -> Iterator[tuple[str, str, Change]]:
        """Every change that is kept: its level, whose it is, and the change."""
        for level, chains in self._chains.items():
            for whose, chain in chains.items():
                yield from ((level, whose, change) for change in chain)


def insert(chain: list[Change], change: Change) -> None:
    """Put a change into a chain, in the order in which changes begin; the oldest makes way beyond `CHANGES_MAX`."""
    bisect.insort(chain, change, key=lambda each: (each.at_s, each.number))
    if len(chain) > CHANGES_MAX:
        del chain[0]


def _chance(seed: int, *parts: str | int) -> float:
    """A number in [0, 1) that depends on `seed` and `parts` alone."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
