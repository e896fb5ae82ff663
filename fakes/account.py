"""A provider's customers: keys, the organisations they belong to, and how each of them stands.

A standing is "ok" or a failure kind of the vendor. It changes by a call or at a moment of the clock, at one of three
levels: a key, an organisation, everyone. A request must be in good standing at each. At each level the change that
began last and has reached the request counts, so "ok" reinstates what an earlier one took away.
"""

from __future__ import annotations

import bisect
import difflib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from .dialects.base import Ask, Headers
from .quota import Quota, Refusal

OK: Final = "ok"
LIMITED: Final = frozenset({"chat", "embeddings"})
"""Operations that a quota counts."""
DEFAULT_ORGANISATION: Final = "default"
"""The organisation of keys that were never enrolled."""
KEYS_MAX: Final = 100_000
"""Keys and organisations, each, that are known or have a standing of their own."""
CHANGES_MAX: Final = 256
"""Changes that one key or organisation keeps; beyond it the one that began first is forgotten."""
NODES: Final = 64
"""Nodes of the vendor among which requests are spread while a change has not reached them all."""


class AccountError(ValueError):
    """An account can't be had or changed as asked; the message says what to do."""


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


class Accounts:
    """The customers of one provider.

    Args:
        failures: The failure kinds that the vendor has.
        seed: Seed of who is reached first.
        clock: Seconds that never go back.
        quota: What they may use up.
        accept_unknown: Whether a key that was never enrolled is as good as any; otherwise it is a bad key.
    """

    def __init__(
        self,
        failures: frozenset[str],
        *,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        quota: Quota | None = None,
        accept_unknown: bool = True,
    ) -> None:
        self.quota = quota or Quota(failures, clock=clock)
        self.clock = clock
        self.failures = failures
        self._seed = seed
        self._accept_unknown = accept_unknown
        self._organisation_of: dict[str, str] = {}
        self._keys: dict[str, list[Change]] = {}
        self._projects: dict[str, list[Change]] = {}
        self._organisations: dict[str, list[Change]] = {}
        self._regions: dict[str, list[Change]] = {}
        self._everyone: list[Change] = []
        self._changes = 0
        self._asked: dict[str, int] = {}

    def enrol(self, key: str, organisation: str = DEFAULT_ORGANISATION) -> None:
        """Make a key known, as one of an organisation's.

        Raises:
            AccountError: when there are too many keys.
        """
        if len(self._organisation_of) >= KEYS_MAX and key not in self._organisation_of:
            raise AccountError(f"there are {KEYS_MAX} keys already: reset, or forget some")
        self._organisation_of[key] = organisation

    def forget(self, key: str) -> None:
        """Make a key unknown again, with its standing."""
        self._organisation_of.pop(key, None)
        self._keys.pop(key, None)
        self._asked.pop(key, None)

    def reset(self) -> None:
        """Everyone is in good standing and nothing is used up or limited; known keys stay known."""
        self._keys.clear()
        self._projects.clear()
        self._organisations.clear()
        self._regions.clear()
        self._everyone.clear()
        self._asked.clear()
        self.quota.reset()

    def change(
        self,
        state: str,
        *,
        key: str | None = None,
        organisation: str | None = None,
        in_s: float = 0.0,
        for_s: float | None = None,
        share: float = 1.0,
        rollout_s: float = 0.0,
        settle_s: float = 0.0,
        spread_s: float | None = None,
        details: Mapping[str, Any] | None = None,
        project: str | None = None,
        region: str | None = None,
        entry: str | None = None,
    ) -> None:
        """Change the standing of a key, a project, an organisation, a region, or (none given) of everyone.

        Args:
            state: "ok" to reinstate, or a failure kind of the vendor.
            key: The key it is about.
            organisation: The organisation it is about.
            in_s: Seconds from now until it begins.
            for_s: Seconds until it ends by itself; None for never.
            share: Share of credentials that it reaches, from 0 to 1.
            rollout_s: Seconds over which that share grows from nothing.
            settle_s: Seconds that it takes to reach every node: until then a falling share of requests passes.
            spread_s: Seconds after which a key's change becomes its organisation's too; None for never.
            details: Details of the failure's words.
            project: The project (or workspace) it is about.
            region: The region it is about, where requests come from.
            entry: The timeline entry that makes it, which refusals then name.

        Raises:
            AccountError: when the vendor has no such failure, or the figures make no sense.
        """
        self._check(state, {"key": key, "project": project, "organisation": organisation, "region": region}, spread_s)
        if (
            not 0 <= share <= 1
            or min(in_s, rollout_s, settle_s, spread_s or 0.0) < 0
            or not (for_s is None or for_s > 0)
        ):
            raise AccountError("a change needs a share from 0 to 1, no negative times, and an end after its start")
        at_s = self.clock() + in_s
        until_s = None if for_s is None else at_s + for_s
        self._changes += 1
        change = Change(state, at_s, until_s, share, rollout_s, settle_s, self._changes, dict(details or {}), entry)
        if key is not None:
            self._add(self._keys, key, change)
            if spread_s is not None:
                spread = replace(change, at_s=at_s + spread_s, share=1.0, rollout_s=0.0, settle_s=0.0)
                self._add(self._organisations, self.organisation_of(key), spread)
        elif project is not None:
            self._add(self._projects, project, change)
        elif organisation is not None:
            self._add(self._organisations, organisation, change)
        elif region is not None:
            self._add(self._regions, region, change)
        else:
            _insert(self._everyone, change)

    def organisation_of(self, key: str) -> str:
        """The organisation that a key belongs to."""
        return self._organisation_of.get(key, DEFAULT_ORGANISATION)

    def refusal(
        self,
        credential: str,
        *,
        scope: Mapping[str, Any] | None = None,  # noqa: ARG002
        headers: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Refusal | None:
        """Why a request with this credential is refused now, None if it is not.

        Args:
            credential: What it came with.
            scope: The request's ASGI scope.
            headers: Its headers, names in lower case.
        """
        if not self._accept_unknown and credential not in self._organisation_of:
            return Refusal("bad_key", {"credential": credential})
        if not (self._keys or self._organisations or self._everyone):
            return None
        now_s = self.clock()
        for chain in (
            self._keys.get(credential),
            self._organisations.get(self.organisation_of(credential)),
            self._everyone,
        ):
            if chain and (change := self._in_force(chain, credential, now_s)) is not None and change.state != OK:
                return Refusal(change.state, {"credential": credential, **change.details}, change.entry)
        return None

    def standing(self, *, key: str | None = None, organisation: str | None = None) -> str:
        """How a key, an organisation or everyone stands once every node knows; "ok" or a failure kind."""
        now_s = self.clock()
        chains = [self._everyone]
        if key is not None:
            if not self._accept_unknown and key not in self._organisation_of:
                return "bad_key"
            organisation = self.organisation_of(key)
        if organisation is not None:
            chains.insert(0, self._organisations.get(organisation, []))
        if key is not None:
            chains.insert(0, self._keys.get(key, []))
        for chain in chains:
            change = self._in_force(chain, key, now_s)
            if change is not None and change.state != OK:
                return change.state
        return OK

    def changes(self) -> Iterator[tuple[str, str, Change]]:
        """Every change that was made and is kept: its level, whose it is, and the change."""
        for key, chain in self._keys.items():
            yield from (("key", key, change) for change in chain)
        for organisation, chain in self._organisations.items():
            yield from (("organisation", organisation, change) for change in chain)
        yield from (("everyone", "", change) for change in self._everyone)

    def organisations(self) -> Mapping[str, str]:
        """The organisation of each enrolled key."""
        return MappingProxyType(self._organisation_of)

    def admit(self, credential: str, ask: Ask) -> Refusal | None:
        """Take a request out of the credential's quota, or say what it is refused with."""
        if ask.operation not in LIMITED:
            return None
        return self.quota.admit(credential, ask.model, ask.input_tokens)

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:
        """Take what was produced out of the credential's quota."""
        if ask.operation in LIMITED:
            self.quota.settle(credential, ask.model, produced_tokens, usd)

    def headers(self, credential: str, ask: Ask, headers: Headers) -> Headers:
        """`headers` with the quota's figures in them."""
        return self.quota.headers(credential, ask.model, headers) if ask.operation in LIMITED else headers

    def _check(self, state: str, whom: Mapping[str, str | None], spread_s: float | None) -> None:
        if state != OK and state not in self.failures:
            near = difflib.get_close_matches(state, self.failures, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {sorted(self.failures)}"
            raise AccountError(f"this vendor has no failure {state!r}: {hint}")
        if len([name for name in whom.values() if name is not None]) > 1:
            raise AccountError(f"a change is about a {', '.join(whom)} or everyone: give one of them, or none")
        if spread_s is not None and whom["key"] is None:
            raise AccountError("only a key's change spreads, to its organisation: give the key")

    def _add(self, chains: dict[str, list[Change]], name: str, change: Change) -> None:
        if name not in chains and len(chains) >= KEYS_MAX:
            raise AccountError(f"{KEYS_MAX} have a standing of their own already: reset first")
        _insert(chains.setdefault(name, []), change)

    def _in_force(self, chain: list[Change], credential: str | None, now_s: float) -> Change | None:
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

    def _node(self, credential: str) -> int:
        """The node that the credential's next request comes to."""
        if len(self._asked) >= KEYS_MAX:
            self._asked.clear()
        asked = self._asked[credential] = self._asked.get(credential, 0) + 1
        return int(_chance(self._seed, "request", credential, asked) * NODES)


def _insert(chain: list[Change], change: Change) -> None:
    bisect.insort(chain, change, key=lambda each: (each.at_s, each.number))
    if len(chain) > CHANGES_MAX:
        del chain[0]


def _chance(seed: int, *parts: str | int) -> float:
    """A number in [0, 1) that depends on `seed` and `parts` alone."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
