"""What the control API's operations work on: the running fakes and their books."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .account import OK, Accounts
from .books import Books
from .dialects.base import Dialect
from .oauth import Grants
from .pace import Pace, TokenTimes
from .standing import Change

Result = tuple[int, Any]
"""A status and a JSON document."""


class Tempo:
    """A pace that can be replaced while answers are given; those under way keep theirs."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    def plan(self, seed: int, entity: str, *, model: str, in_flight: int) -> TokenTimes:
        """The times of one answer."""
        return self.pace.plan(seed, entity, model=model, in_flight=in_flight)


@dataclass(frozen=True, slots=True)
class Provider:
    """A running fake and what of it can be changed."""

    dialect: Dialect
    accounts: Accounts
    tempo: Tempo
    grants: Grants | None = None
    url: str = ""

    def check(self, state: str, details: Mapping[str, Any]) -> None:
        """See that the vendor can say a failure with these details.

        Raises:
            ValueError: when it can't.
        """
        if state == OK or state not in self.dialect.failures:
            return
        try:
            self.dialect.failure(state, details, id_seed=0)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"the details don't fit {state!r}: {error}") from error


class Problem(Exception):  # noqa: N818 - it is an answer
    """A refusal, as RFC 9457 has it."""

    def __init__(self, status: int, kind: str, title: str, detail: str, **more: Any) -> None:
        super().__init__(title)
        self.status = status
        self.body = {"type": f"urn:banstorm:{kind}", "title": title, "status": status, "detail": detail, **more}


@dataclass(frozen=True, slots=True)
class Desk:
    """The running fakes, by name, and their books."""

    providers: Mapping[str, Provider]
    books: Books

    def find(self, name: str) -> Provider:
        """A provider.

        Raises:
            Problem: when there is none of that name.
        """
        if name not in self.providers:
            known = ", ".join(sorted(self.providers))
            raise Problem(404, "unknown-provider", f"there is no provider {name!r}", f"there are {known}")
        return self.providers[name]

    def grants(self, name: str) -> Grants:
        """A provider's grants.

        Raises:
            Problem: when there is no such provider, or it has none.
        """
        grants = self.find(name).grants
        if grants is None:
            raise Problem(409, "no-oauth", f"{name!r} has no OAuth", "anthropic and openai have it")
        return grants


def fingerprint(credential: str) -> str:
    """A short name for a credential that can't be turned back: 8 hex digits of its SHA-256."""
    return f"key:{hashlib.sha256(credential.encode()).hexdigest()[:8]}"


def shown(level: str, whose: str | None) -> str | None:
    """Whose something is, a key as its fingerprint."""
    return fingerprint(whose) if level == "key" and whose is not None else whose


def told(change: Change, now_s: float) -> dict[str, Any]:
    """A change, its moments as seconds from now."""
    return {
        "state": change.state,
        "begins_in_s": change.at_s - now_s,
        "ends_in_s": None if change.until_s is None else change.until_s - now_s,
        "share": change.share,
        "rollout_s": change.rollout_s,
        "settle_s": change.settle_s,
        "number": change.number,
        "details": change.details,
        "entry": change.entry,
    }
