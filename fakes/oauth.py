"""OAuth grants and the token endpoint that refreshes them, for clients of Anthropic and of OpenAI subscriptions.

A refresh token works once: the answer brings the next one. Whoever presents a used one (two clients that share it, or
one that retries after a timeout) loses the grant: refresh and access tokens alike are dead, and only a new login helps.

Sources: what the official Anthropic SDK (2.10) sends and needs; the refusals' threads are named beside them.
"""

from __future__ import annotations

import base64
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from .account import DEFAULT_ORGANISATION, OK, Accounts
from .caller import BodyTooLargeError, CallerGoneError, Receive, read_body
from .dialects import _ids
from .dialects.base import Dialect, Reply
from .invoice import Bill

ACCESS_S: Final = 3600.0
"""Seconds an access token lives: what the official SDK takes when it isn't told."""
REFRESH_S: Final = 30 * 86_400.0
"""Seconds a refresh token lives after it was issued."""
GRANTS_MAX: Final = 10_000
"""Grants that are remembered; beyond it the oldest is forgotten."""
TOKENS_MAX: Final = 64
"""Refresh and access tokens, each, that one grant remembers; older ones are unknown again."""
BODY_BYTES_MAX: Final = 64 * 1024
"""Largest body that the token endpoint takes."""

App = Callable[[Any, Any, Any], Awaitable[None]]

_PATHS: Final = {"anthropic": ("/v1/oauth/token",), "openai": ("/v1/oauth/token", "/oauth/token")}
_ENOUGH: Final = "banstorm's token endpoint refreshes grants; send grant_type=refresh_token"


class GrantRefusedError(Exception):
    """A refresh token can't be used; `why` is "unknown", "expired" or "reused"."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the refresh token is {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh brings."""

    access: str
    refresh: str
    expires_in_s: int


@dataclass(slots=True)
class _Grant:
    number: int
    organisation: str
    expires_s: float = 0.0
    revoked: bool = False
    issued: int = 0
    access: deque[str] = field(default_factory=deque)
    refresh: deque[str] = field(default_factory=deque)


class Grants:
    """The OAuth grants of one provider.

    Args:
        accounts: Where access tokens are enrolled, and expire and are revoked like keys.
        style: "anthropic" or "openai": how tokens look and what the endpoint says.
        seed: Seed of the tokens.
        access_s: Seconds an access token lives.
        refresh_s: Seconds a refresh token lives.
        wall: Seconds since 1970, for the expiry inside OpenAI's tokens.
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
        if style not in _PATHS:
            raise ValueError(f"there are grants in the style of {', '.join(_PATHS)}, not of {style!r}")
        self.style = style
        self._accounts = accounts
        self._seed = seed
        self._access_s = access_s
        self._refresh_s = refresh_s
        self._wall = wall
        self._grants: OrderedDict[int, _Grant] = OrderedDict()
        self._by_token: dict[str, _Grant] = {}
        self._logins = 0

    def login(self, organisation: str = DEFAULT_ORGANISATION) -> Tokens:
        """A new grant, as if somebody of the organisation had logged in."""
        self._logins += 1
        grant = self._grants[self._logins] = _Grant(self._logins, organisation)
        if len(self._grants) > GRANTS_MAX:
            self._forget(self._grants.popitem(last=False)[1])
        return self._issue(grant)

    def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token for new tokens.

        Raises:
            GrantRefusedError: when it is unknown, expired, or was used before, which revokes its grant.
        """
        grant = self._by_token.get(token)
        if grant is None or (grant.revoked and token == grant.refresh[-1]):
            raise GrantRefusedError("unknown")
        if token != grant.refresh[-1]:
            self.revoke(token)
            raise GrantRefusedError("reused")
        if self._accounts.clock() >= grant.expires_s:
            raise GrantRefusedError("expired")
        return self._issue(grant)

    def revoke(self, token: str) -> None:
        """Revoke the grant of a refresh token: its access tokens stop working at once.

        Raises:
            GrantRefusedError: when the token is unknown.
        """
        grant = self._by_token.get(token)
        if grant is None:
            raise GrantRefusedError("unknown")
        grant.revoked = True
        for access in grant.access:
            self._accounts.forget(access)  # with its expiry, which would hide the revocation
            self._accounts.enrol(access, grant.organisation)
            self._accounts.change(self._kind("oauth_revoked", "bad_key"), key=access)

    def refusal(self, token: str) -> str | None:
        """The failure kind with which the grant's organisation is refused; None if it, or the token, is not known."""
        grant = self._by_token.get(token)
        state = OK if grant is None else self._accounts.standing(organisation=grant.organisation)
        return None if state == OK else state

    def reset(self) -> None:
        """Forget every grant and its tokens."""
        for grant in self._grants.values():
            self._forget(grant)
        self._grants.clear()

    def _issue(self, grant: _Grant) -> Tokens:
        grant.issued += 1
        access = self._access_token(grant)
        refresh = self._letters(grant, "refresh", "sk-ant-ort01-" if self.style == "anthropic" else "rt_")
        self._accounts.enrol(access, grant.organisation)
        self._accounts.change(self._kind("oauth_expired", "bad_key"), key=access, in_s=self._access_s)
        grant.access.append(access)
        grant.refresh.append(refresh)
        self._by_token[refresh] = grant
        grant.expires_s = self._accounts.clock() + self._refresh_s
        if len(grant.access) > TOKENS_MAX:
            self._accounts.forget(grant.access.popleft())
            del self._by_token[grant.refresh.popleft()]
        return Tokens(access, refresh, int(self._access_s))

    def _forget(self, grant: _Grant) -> None:
        for access in grant.access:
            self._accounts.forget(access)
        for refresh in grant.refresh:
            del self._by_token[refresh]

    def _kind(self, *wanted: str) -> str:
        return next((kind for kind in wanted if kind in self._accounts.failures), "server_error")

    def _letters(self, grant: _Grant, purpose: str, prefix: str) -> str:
        return prefix + _ids.letters(self._seed, f"{purpose}/{grant.number}/{grant.issued}", 64)

    def _access_token(self, grant: _Grant) -> str:
        if self.style == "anthropic":
            return self._letters(grant, "access", "sk-ant-oat01-")
        # OpenAI's is a JSON web token, which clients read: when it ends and whose it is
        now_s = int(self._wall())
        account = {"chatgpt_account_id": grant.organisation}
        claims = {"iat": now_s, "exp": now_s + int(self._access_s), "https://api.openai.com/auth": account}
        head = _base64({"alg": "RS256", "typ": "JWT"})
        return f"{head}.{_base64(claims)}.{self._letters(grant, 'access', '')}"


def with_token_endpoint(
    app: App, grants: Grants, dialect: Dialect, *, provider: str, bill: Callable[[Bill], None]
) -> App:
    """`app` with the token endpoint in front; what it answers is billed at zero, so each request has its bill.

    Args:
        app: The fake.
        grants: Its grants.
        dialect: Whose words say that the organisation may not come in at all.
        provider: The fake's name.
        bill: Takes the bill.
    """
    paths = frozenset(_PATHS[grants.style])

    async def front(scope: Any, receive: Receive, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in paths:
            await app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = None
        try:
            body = await read_body(receive, headers, BODY_BYTES_MAX)
            reply = _answer(grants, dialect, scope["method"], scope["path"], body)
        except BodyTooLargeError:
            reply = dialect.failure("request_too_large", {}, id_seed=0)
        except CallerGoneError:
            pass
        finally:
            done = reply is not None and reply.status == 200
            attempt = headers.get("x-banstorm-attempt")
            bill(Bill(attempt, provider, "", 0, 0, 0, 0.0, priced=True, completed=done, at_ns=time.monotonic_ns()))
        if reply is not None:
            named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
            await send({"type": "http.response.start", "status": reply.status, "headers": named})
            await send({"type": "http.response.body", "body": reply.body})

    return front


def _answer(grants: Grants, dialect: Dialect, method: str, path: str, body: bytes) -> Reply:
    if method != "POST":
        return dialect.failure("wrong_method", {"method": method, "path": path}, id_seed=0)
    fields = _fields(body)
    token = fields.get("refresh_token")
    if fields.get("grant_type") != "refresh_token":
        return _refuse(grants.style, 400, "unsupported_grant_type", _ENOUGH)
    if not isinstance(token, str) or not token:
        return _refuse(grants.style, 400, "invalid_request", "refresh_token is missing")
    if (refused := grants.refusal(token)) is not None:
        return dialect.failure(refused, {}, id_seed=0)
    try:
        tokens = grants.refresh(token)
    except GrantRefusedError as error:
        return _refuse_grant(grants.style, error.why)
    granted = {
        "token_type": "Bearer",
        "access_token": tokens.access,
        "expires_in": tokens.expires_in_s,
        "refresh_token": tokens.refresh,
    }
    return _reply(200, granted)


def _refuse_grant(style: str, why: str) -> Reply:
    if style == "anthropic":
        # ex-machina-co/opencode-anthropic-auth#169 and #189
        words = "Refresh token expired" if why == "expired" else "Refresh token not found or invalid"
        return _refuse(style, 400, "invalid_grant", words)
    if why == "reused":  # NousResearch/hermes-agent#5612, openai/codex#6028
        words = "Your refresh token has already been used to generate a new access token. Please try signing in again."
        return _refuse(style, 401, "refresh_token_reused", words)
    # decolua/9router#1821
    return _refuse(style, 401, "token_expired", "Could not validate your token. Please try signing in again.")


def _refuse(style: str, status: int, code: str, words: str) -> Reply:
    if style == "anthropic":
        return _reply(status, {"error": code, "error_description": words})
    error = {"message": words, "type": "invalid_request_error", "param": None, "code": code}
    return _reply(status, {"error": error})


def _reply(status: int, body: Any) -> Reply:
    data = orjson.dumps(body)
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(data))),
        ("cache-control", "no-store"),  # RFC 6749, section 5.1
    ]
    return Reply(status, headers, data)


def _fields(body: bytes) -> dict[str, Any]:
    """The fields of a form or of a JSON object; clients send either."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    return document if isinstance(document, dict) else {}


def _base64(document: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()
