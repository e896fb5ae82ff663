"""OAuth grants, for clients of Anthropic and of OpenAI subscriptions: logins, refreshes, revocations.

A refresh token works once: the answer brings the next one. Whoever presents a used one (two clients that share it, or
one that retries after a timeout) loses the grant: refresh and access tokens alike are dead, and only a new login helps.
All tokens of a grant use up the same limits. `token_endpoint.py` speaks to clients.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Unpack

import orjson

from .account import DEFAULT_ORGANISATION, OK, Accounts
from .dialects import _ids
from .standing import AccountError, Change, Reach, When, insert, make

ACCESS_S: Final = 3600.0
"""Seconds an access token lives: what the official SDK takes when it isn't told."""
REFRESH_S: Final = 30 * 86_400.0
"""Seconds a refresh token lives after it was issued."""
GRANTS_MAX: Final = 10_000
"""Grants that are remembered; beyond it the oldest is forgotten."""
TOKENS_MAX: Final = 64
"""Refresh and access tokens, each, that one grant remembers; older ones are unknown again."""
STYLES: Final = ("anthropic", "openai")
"""Vendors that have grants."""


class GrantRefusedError(Exception):
    """A token can't be used; `why` is "unknown", "expired", "reused", or "no token that can be read"."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the token is {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login, a refresh or an exchange brings; an exchange brings no refresh token."""

    access: str
    refresh: str
    expires_in_s: int


@dataclass(slots=True)
class Grant:
    """A login, and the tokens that came of it.

    Attributes:
        number: Its place among all logins.
        organisation: Whose it is.
        project: Of which project, None for none.
        federated: Whether it came from a workload's identity, and so has no refresh tokens.
        expires_s: When its refresh token expires, in seconds of the clock.
        revoked: Whether it was revoked.
        issued: How often tokens were issued.
        access: Its access tokens, the newest last.
        refresh: Its refresh tokens, the newest last.
    """

    number: int
    organisation: str
    project: str | None = None
    federated: bool = False
    expires_s: float = 0.0
    revoked: bool = False
    issued: int = 0
    access: deque[str] = field(default_factory=deque)
    refresh: deque[str] = field(default_factory=deque)


class Grants:
    """The OAuth grants of one provider.

    From now on the accounts ask of Anthropic's access tokens what the vendor asks of them (`subscription.py`).

    Args:
        accounts: Where access tokens are enrolled, and expire and are revoked like keys.
        style: "anthropic" or "openai": how tokens look and what the endpoint says.
        seed: Seed of the tokens.
        access_s: Seconds an access token lives.
        refresh_s: Seconds a refresh token lives.
        wall: Seconds since 1970, for the expiry inside OpenAI's tokens and of identity tokens.
    """

    def __init__(
        self,
        accounts: Accounts,
        style: str,
        *,
        seed: int,
        access_s: float = ACCESS_S,
        refresh_s: float = REFRESH_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if style not in STYLES:
            raise ValueError(f"there are grants in the style of {', '.join(STYLES)}, not of {style!r}")
        self.style = style
        self._accounts = accounts
        self._seed = seed
        self._access_s = access_s
        self._refresh_s = refresh_s
        self._wall = wall
        self._grants: OrderedDict[int, Grant] = OrderedDict()
        self._by_token: dict[str, Grant] = {}
        self._federated: dict[tuple[str, str, str | None], Grant] = {}
        self._logins = 0
        self._outages: list[Change] = []
        self._reach = Reach(seed)
        accounts.subscriptions.beta_required = style == "anthropic"

    def login(
        self,
        organisation: str = DEFAULT_ORGANISATION,
        project: str | None = None,
        *,
        access: str | None = None,
        refresh: str | None = None,
        access_s: float | None = None,
    ) -> Tokens:
        """A new grant, as if somebody of the organisation had logged in.

        Args:
            organisation: Whose it is.
            project: Of which project.
            access: Its first access token, made up unless given.
            refresh: Its first refresh token, made up unless given.
            access_s: Seconds that its first access token lives.

        Raises:
            AccountError: when a given token is known already, or the project is another organisation's.
        """
        if known := {access, refresh} & self._by_token.keys():
            raise AccountError(f"{len(known)} of these tokens is known already: give each grant tokens of its own")
        return self._issue(self._grant(organisation, project), access, refresh, access_s)

    def exchange(self, assertion: str, who: str, organisation: str, project: str | None = None) -> Tokens:
        """Exchange a workload's identity token (a JSON web token, whose signature is not checked) for an access token.

        Raises:
            GrantRefusedError: when it can't be read, or has expired.
            AccountError: when the project is another organisation's.
        """
        expires = _claims(assertion).get("exp")
        if not isinstance(expires, int | float) or self._wall() >= expires:
            raise GrantRefusedError("expired")
        grant = self._federated.get((who, organisation, project))
        if grant is None or grant.number not in self._grants:
            grant = self._grant(organisation, project, federated=True)
            self._federated[who, organisation, project] = grant
        return self._issue(grant)

    def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token for new tokens.

        Raises:
            GrantRefusedError: when it is unknown, expired, or was used before, which revokes its grant.
        """
        grant = self._by_token.get(token)
        if grant is None or token not in grant.refresh or (grant.revoked and token == grant.refresh[-1]):
            raise GrantRefusedError("unknown")
        if token != grant.refresh[-1]:
            self._revoke(grant)
            raise GrantRefusedError("reused")
        if self._accounts.clock() >= grant.expires_s:
            raise GrantRefusedError("expired")
        return self._issue(grant)

    def revoke(
        self,
        token: str | None = None,
        *,
        number: int | None = None,
        organisation: str | None = None,
        settle_s: float = 0.0,
        entry: str | None = None,
    ) -> int:
        """Revoke the grant of a token, the one with a number, or all of an organisation; how many that were.

        Args:
            token: A refresh or access token.
            number: The grant's number.
            organisation: Whose grants.
            settle_s: Seconds until every node knows: until then some requests with its access tokens pass.
            entry: The timeline entry that revokes them.

        Raises:
            GrantRefusedError: when the token or number is unknown.
        """
        chosen = [grant for grant in self._grants.values() if grant.organisation == organisation]
        if token is not None or number is not None:
            one = self._by_token.get(token) if token is not None else self._grants.get(number or 0)
            if one is None:
                raise GrantRefusedError("unknown")
            chosen = [one]
        for grant in chosen:
            self._revoke(grant, settle_s, entry)
        return len(chosen)

    def all(self) -> Iterator[Grant]:
        """Every grant that is remembered, the oldest first."""
        return iter(self._grants.values())

    def organisation_of(self, token: str) -> str | None:
        """Whose the grant of a token is, None if it is unknown."""
        grant = self._by_token.get(token)
        return None if grant is None else grant.organisation

    def barred(self, organisation: str, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        """The failure kind with which an organisation is refused where a request comes from, None if it isn't."""
        for region in (None, *self._accounts.regions.of(scope, headers)):
            state = self._accounts.standing(organisation=organisation, region=region)
            if state != OK:
                return state
        return None

    def fail(self, status: int = 503, **when: Unpack[When]) -> None:
        """Take the token endpoint down, while access tokens go on working.

        Args:
            status: What it answers, from 500 to 599.
            when: When it begins and ends.

        Raises:
            AccountError: when the figures make no sense.
        """
        if not 500 <= status <= 599:
            raise AccountError(f"a token endpoint that is down answers with 500 to 599, not with {status!r}")
        when["details"] = {**(when.get("details") or {}), "status": status}
        self._outage("server_error", when)

    def mend(self, **when: Unpack[When]) -> None:
        """Bring the token endpoint up again."""
        self._outage(OK, when)

    def outage(self) -> Change | None:
        """What keeps the token endpoint down now, None if it is up."""
        change = self._reach.in_force(self._outages, None, self._accounts.clock()) if self._outages else None
        return None if change is None or change.state == OK else change

    def reset(self) -> None:
        """Forget every grant and its tokens; the token endpoint is up."""
        for grant in self._grants.values():
            self._forget(grant)
        self._grants.clear()
        self._federated.clear()
        self._outages.clear()

    def _outage(self, state: str, when: When) -> None:
        failures = frozenset({"server_error"})
        now_s = self._accounts.clock()
        insert(self._outages, make(state, when, failures=failures, now_s=now_s, number=len(self._outages)))

    def _grant(self, organisation: str, project: str | None, *, federated: bool = False) -> Grant:
        self._logins += 1
        grant = self._grants[self._logins] = Grant(self._logins, organisation, project, federated)
        if len(self._grants) > GRANTS_MAX:
            self._forget(self._grants.popitem(last=False)[1])
            self._federated = {who: each for who, each in self._federated.items() if each.number in self._grants}
        return grant

    def _issue(
        self, grant: Grant, access: str | None = None, refresh: str | None = None, access_s: float | None = None
    ) -> Tokens:
        grant.issued += 1
        lives_s = self._access_s if access_s is None else access_s
        access = access or self._access_token(grant)
        self._accounts.enrol(access, grant.organisation, grant.project, owner=f"grant {grant.number}")
        self._accounts.change(self._kind("oauth_expired", "bad_key"), key=access, in_s=lives_s)
        grant.access.append(access)
        self._by_token[access] = grant
        if grant.federated:
            refresh = ""
        else:
            refresh = refresh or self._letters(
                grant, "refresh", "sk-ant-ort01-" if self.style == "anthropic" else "rt_"
            )
            grant.refresh.append(refresh)
            self._by_token[refresh] = grant
            grant.expires_s = self._accounts.clock() + self._refresh_s
        if len(grant.access) > TOKENS_MAX:
            self._forget_token(grant.access.popleft())
        if len(grant.refresh) > TOKENS_MAX:
            del self._by_token[grant.refresh.popleft()]
        return Tokens(access, refresh, int(lives_s))

    def _revoke(self, grant: Grant, settle_s: float = 0.0, entry: str | None = None) -> None:
        grant.revoked = True
        for access in grant.access:
            self._accounts.forget(access)  # with its expiry, which would hide the revocation
            self._accounts.enrol(access, grant.organisation, grant.project, owner=f"grant {grant.number}")
            kind = self._kind("oauth_revoked", "bad_key")
            self._accounts.change(kind, key=access, settle_s=settle_s, entry=entry)

    def _forget(self, grant: Grant) -> None:
        for access in grant.access:
            self._forget_token(access)
        for refresh in grant.refresh:
            del self._by_token[refresh]

    def _forget_token(self, access: str) -> None:
        self._accounts.forget(access)
        self._by_token.pop(access, None)

    def _kind(self, *wanted: str) -> str:
        return next((kind for kind in wanted if kind in self._accounts.failures), "server_error")

    def _letters(self, grant: Grant, purpose: str, prefix: str) -> str:
        return prefix + _ids.letters(self._seed, f"{purpose}/{grant.number}/{grant.issued}", 64)

    def _access_token(self, grant: Grant) -> str:
        if self.style == "anthropic":
            return self._letters(grant, "access", "sk-ant-oat01-")
        # OpenAI's is a JSON web token, which clients read: when it ends and whose it is
        now_s = int(self._wall())
        account = {"chatgpt_account_id": grant.organisation}
        claims = {"iat": now_s, "exp": now_s + int(self._access_s), "https://api.openai.com/auth": account}
        head = _base64({"alg": "RS256", "typ": "JWT"})
        return f"{head}.{_base64(claims)}.{self._letters(grant, 'access', '')}"


def _claims(assertion: str) -> dict[str, Any]:
    """What a JSON web token says.

    Raises:
        GrantRefusedError: when it is none.
    """
    parts = assertion.split(".")
    try:
        head, claims = (orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, binascii.Error) as error:
        raise GrantRefusedError("no token that can be read") from error
    if len(parts) != 3 or not isinstance(head, dict) or not isinstance(claims, dict):
        raise GrantRefusedError("no token that can be read")
    return claims


def _base64(document: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()
