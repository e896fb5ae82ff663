"""A provider's customers: keys, the projects and organisations they belong to, and how each of them stands.

A standing is "ok" or a failure kind of the vendor. It changes by a call or at a moment of the clock, at one of five
levels: a region, a key, a project, an organisation, everyone. A request must be in good standing at each, in this
order. `standing.py` says which change counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Unpack

from .dialects.base import Ask, Headers
from .limits import Refusal
from .members import DEFAULT_ORGANISATION, Member, Members
from .meters import regain
from .model_standing import Models
from .quota import Quota
from .regions import Regions
from .standing import OK, AccountError, Change, Reach, Standings, When, make
from .subscription import Subscriptions

__all__ = ["DEFAULT_ORGANISATION", "OK", "AccountError", "Accounts", "Change", "Member", "When"]

LIMITED: Final = frozenset({"chat", "embeddings", "request"})
"""Operations that a quota counts."""


class Accounts:
    """The customers of one provider.

    Args:
        failures: The failure kinds that the vendor has.
        seed: Seed of who is reached first.
        clock: Seconds that never go back.
        quota: What they may use up.
        accept_unknown: Whether a key that was never enrolled is as good as any; otherwise it is a bad key.
        vendor: The vendor's name, for what one does in its own way: the headers that name an organisation or project
            (without a name any vendor's are heard), how limits and windows are told.
    """

    def __init__(
        self,
        failures: frozenset[str],
        *,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        quota: Quota | None = None,
        accept_unknown: bool = True,
        vendor: str = "",
    ) -> None:
        self.quota = quota or Quota(failures, clock=clock, vendor=vendor)
        self.quota.member = self.member
        self.clock = clock
        self.failures = failures
        self.accept_unknown = accept_unknown
        self.regions = Regions()
        self._reach = Reach(seed)
        self.subscriptions = Subscriptions(self._reach)
        self._models = Models(self._reach)
        self._standings = Standings()
        self._members = Members(vendor)
        self._changes = 0

    def enrol(
        self,
        key: str,
        organisation: str | None = None,
        project: str | None = None,
        *,
        owner: str | None = None,
    ) -> None:
        """Make a key known, as one of an organisation's (None: of the default one) and of one of its projects.

        Args:
            key: The credential.
            organisation: Its organisation; left out, a project that is known says it.
            project: Its project, None if it is in none.
            owner: On whose account its usage is counted, None for its own.

        Raises:
            AccountError: when there are too many keys, or the project is another organisation's.
        """
        self._members.enrol(key, organisation, project, owner)
        self.quota.moved()

    def forget(self, key: str) -> None:
        """Make a key unknown again, with its standing."""
        self._members.forget(key)
        self._standings.forget("key", key)
        self._reach.forget(key)
        self.quota.moved()

    def reinstate(self) -> None:
        """Lift every change of standing; limits stay, and OAuth tokens expire and stay revoked as they were."""
        self._standings.clear(kept=lambda key: self._members.of(key).owner is not None)
        self._models.clear()
        self.subscriptions.clear()
        self._reach.forget()

    def reset(self) -> None:
        """Everyone is in good standing and nothing is used up or limited; known keys and regions stay known."""
        self.reinstate()
        self._standings.clear()
        self._members.forget_named()
        self.quota.reset()

    def place(self, network: str, region: str) -> None:
        """Put a network (CIDR, or one address) into a region.

        Raises:
            AccountError: when it is no network, or there are too many.
        """
        try:
            self.regions.place(network, region)
        except ValueError as error:
            raise AccountError(str(error)) from error

    def change(
        self,
        state: str,
        *,
        key: str | None = None,
        project: str | None = None,
        organisation: str | None = None,
        region: str | None = None,
        spread_s: float | None = None,
        spread_to: Sequence[str] | None = None,
        **when: Unpack[When],
    ) -> None:
        """Change the standing of a key, a project, an organisation, a region, or (none given) of everyone.

        Args:
            state: "ok" to reinstate, or a failure kind of the vendor.
            key: The key it is about.
            project: The project (or workspace) it is about.
            organisation: The organisation it is about.
            region: The region it is about: where requests come from, or the endpoint's that they are signed for.
            spread_s: Seconds after which the change reaches the first of `spread_to`, and each further one after as
                many again; None for never.
            spread_to: To what it spreads: "project", "organisation", or one after the other. The organisation unless
                told otherwise.
            when: When and how it comes.

        Raises:
            AccountError: when the vendor has no such failure, or the words make no sense.
        """
        whom = {"key": key, "project": project, "organisation": organisation, "region": region}
        given = [(level, whose) for level, whose in whom.items() if whose is not None]
        if len(given) > 1:
            raise AccountError(f"a change is about a {', '.join(whom)} or everyone: give one of them, or none")
        level, whose = given[0] if given else ("everyone", "")
        if spread_s is not None and spread_s < 0:
            raise AccountError("a change spreads after 0 seconds or more: give no negative times")
        follow = [] if spread_s is None else self._followers(level, whose, spread_to or ("organisation",))
        change = self._change(state, when)
        self._standings.add(level, whose, change)
        for place, (upper, name) in enumerate(follow, 1):
            at_s = change.at_s + place * (spread_s or 0.0)
            spread = replace(change, at_s=at_s, share=1.0, rollout_s=0.0, settle_s=0.0)
            self._standings.add(upper, name, spread)

    def change_model(self, state: str, model: str, *, organisation: str | None = None, **when: Unpack[When]) -> None:
        """Change the standing of a model, e.g. to "model_retired" at a moment.

        Args:
            state: "ok", or a failure kind of the vendor.
            model: The model, or a pattern such as ``claude-3-*``; what names a model outdoes a pattern.
            organisation: For whose customers; None for everyone's.
            when: When and how it comes.

        Raises:
            AccountError: when the vendor has no such failure, or the figures make no sense.
        """
        self._models.add(model, organisation, self._change(state, when))

    def change_third_party(
        self,
        state: str = "third_party_refused",
        *,
        allow: str | None = None,
        block: str | None = None,
        **when: Unpack[When],
    ) -> None:
        """Refuse third parties' clients that use a subscription's tokens, or ("ok") let them in again.

        Args:
            state: "ok", or a failure kind of the vendor.
            allow: Regular expression: whose system prompt it finds nothing in is a third party. Without both it is
                that of the vendor's own client.
            block: Regular expression: whose system prompt it is found in is a third party.
            when: When and how it comes; the detail `variant` chooses among the words of several years.

        Raises:
            AccountError: when the vendor has no such failure, or a pattern or figure makes no sense.
        """
        if "third_party_refused" not in self.failures:
            raise AccountError("this vendor tells no third parties apart: Anthropic does, by its subscriptions' tokens")
        self.subscriptions.add(self._change(state, when), allow, block)

    def member(self, credential: str) -> Member:
        """Whose a credential is: as it was enrolled, completed by what its last request named."""
        return self._members.of(credential)

    def organisation_of(self, key: str) -> str:
        """The organisation that a key belongs to."""
        return self.member(key).organisation or DEFAULT_ORGANISATION

    def refusal(
        self,
        credential: str,
        *,
        scope: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Refusal | None:
        """Why a request with this credential is refused now, None if it is not.

        Args:
            credential: What it came with.
            scope: The request's ASGI scope.
            headers: Its headers, names in lower case.
        """
        if not self.accept_unknown and credential not in self._members:
            return Refusal("bad_key", {"credential": credential})
        standings = self._standings
        asked = self.subscriptions.beta_required
        named = standings.grouped or self.quota.grouped or self._models.any or self._members.strict
        if headers is not None and (asked or named):
            refused = self.subscriptions.refusal(credential, headers) if asked else None
            if refused is None and named:
                refused = self._members.hear(credential, headers)
            if refused is not None:
                return refused
        if not standings.any:
            return None
        now_s = self.clock()
        for level, whose in self._whereabouts(credential, scope, headers):
            chain = standings.of(level, whose)
            change = self._reach.in_force(chain, credential, now_s) if chain else None
            if change is not None and change.state != OK:
                return self._refuse(change, {"credential": credential})
        return None

    def standing(
        self,
        *,
        key: str | None = None,
        project: str | None = None,
        organisation: str | None = None,
        region: str | None = None,
    ) -> str:
        """How somebody stands once every node knows, what is above included; "ok" or a failure kind."""
        if key is not None:
            if not self.accept_unknown and key not in self._members:
                return "bad_key"
            member = self.member(key)
            project, organisation = member.project, member.organisation or DEFAULT_ORGANISATION
        elif project is not None and organisation is None:
            organisation = self._members.organisation_of(project)
        now_s = self.clock()
        names = {"region": region, "key": key, "project": project, "organisation": organisation, "everyone": ""}
        for level, whose in names.items():
            chain = None if whose is None else self._standings.of(level, whose)
            change = self._reach.in_force(chain, None, now_s) if chain else None
            if change is not None and change.state != OK:
                return change.state
        return OK

    def changes(self) -> Iterator[tuple[str, str, Change]]:
        """Every change that was made and is kept: its level, whose it is, and the change."""
        return iter(self._standings)

    def model_changes(self) -> Iterator[tuple[str | None, str, Change]]:
        """Every change of a model's standing: its organisation (None: all), the model, and the change."""
        return iter(self._models)

    def members(self) -> Iterator[tuple[str, Member]]:
        """Each enrolled key, and whose it is."""
        return iter(self._members)

    def admit(self, credential: str, ask: Ask) -> Refusal | None:
        """Take a request out of its customer's quota, or say what it is refused with, its model included."""
        if self._models.any and ask.model:
            now_s = self.clock()
            gone = self._models.refusing(ask.model, self.organisation_of(credential), credential, now_s)
            if gone is not None:
                return self._refuse(gone, {"model": ask.model})
        if ask.operation not in LIMITED:
            return None
        if self.subscriptions.chain:
            refused = self.subscriptions.admit(credential, ask, self.clock())
            if refused is not None:
                return refused
        return self.quota.admit(credential, ask.model, ask.input_tokens)

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:
        """Take what was produced out of the credential's quota."""
        if ask.operation in LIMITED:
            self.quota.settle(credential, ask.model, produced_tokens, usd)

    def headers(self, credential: str, ask: Ask, headers: Headers) -> Headers:
        """`headers` with the quota's figures in them."""
        if ask.operation not in LIMITED:
            return headers
        headers = self.quota.headers(credential, ask.model, headers)
        if self.subscriptions.beta_required:
            headers = self.subscriptions.headers(credential, headers, self.quota.vendor.wall)
        return headers

    def _refuse(self, change: Change, about: Mapping[str, Any]) -> Refusal:
        wall_s = self.quota.vendor.wall()
        details = {**about, "now_s": wall_s, **change.details}
        if change.state == "spend_capped":
            details.setdefault("regain", regain(wall_s))
        return Refusal(change.state, details, change.entry)

    def _whereabouts(
        self, credential: str, scope: Mapping[str, Any] | None, headers: Mapping[str, str] | None
    ) -> Iterator[tuple[str, str]]:
        """Each level at which a request must be in good standing, and whom it is there."""
        if self._standings.has("region"):
            for region in self.regions.of(scope or {}, headers or {}):
                yield "region", region
        yield "key", credential
        if self._standings.grouped:
            member = self.member(credential)
            if member.project is not None:
                yield "project", member.project
            yield "organisation", member.organisation or DEFAULT_ORGANISATION
        yield "everyone", ""

    def _followers(self, level: str, whose: str, spread_to: Sequence[str]) -> list[tuple[str, str]]:
        """To whom a change spreads, in order."""
        if level not in {"key", "project"}:
            raise AccountError("only a key's or a project's change spreads: give the key, or the project")
        follow = []
        for upper in spread_to:
            if upper not in {"project", "organisation"} or upper == level:
                raise AccountError(
                    f"a {level}'s change spreads to a project or organisation above it, not to {upper!r}"
                )
            if upper == "organisation":
                name: str | None = self.organisation_of(whose)
                if level == "project":
                    name = self._members.organisation_of(whose)
            else:
                name = self.member(whose).project
            if name is None:
                raise AccountError("the key is in no project: enrol it in one, or spread to its organisation")
            follow.append((upper, name))
        return follow

    def _change(self, state: str, when: When) -> Change:
        self._changes += 1
        return make(state, when, failures=self.failures, now_s=self.clock(), number=self._changes)
