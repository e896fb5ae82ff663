"""Who is asking, and on what terms: stands before the front, so no front can forget to ask.

The terms travel in a context variable that `LLMRequest` reads when it is made: whatever front makes it, and however the
call fails over, they are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

import orjson

from .config_access import Caller
from .credentials import read_env, read_file
from .terms import CURRENT, OPEN, Terms

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PUBLIC = frozenset({"/healthz", "/readyz", "/metrics"})
"""What needs no key: it tells nothing about anyone's calls, and a load balancer has none."""
TIMEOUT_S_MAX = 86_400.0
_KEYS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
_TERMS = frozenset({b"x-llm-timeout-ms", b"x-llm-disable-fallbacks", b"x-stainless-timeout"})


def read_callers(callers: Iterable[Caller]) -> dict[bytes, Terms]:
    """The callers' terms by the hash of their keys.

    Raises:
        ConfigError: A key can't be read.
    """
    found: dict[bytes, Terms] = {}
    for caller in callers:
        where = f"callers, {caller.name}"
        key = read_env(caller.key_env, where) if caller.key_env else read_file(caller.key_file, where)  # type: ignore[arg-type]
        found[_hash(key.encode())] = Terms(
            caller=caller.name,
            models=_set(caller.models),
            regions=_set(caller.regions),
            providers=_set(caller.providers),
            disable_fallbacks=caller.disable_fallbacks,
        )
    return found


class Access:
    """Lets callers in with their terms.

    Args:
        app: The front.
        callers: Terms by the hash of a key; empty lets everybody in.
        admin: The admin API, if there is one.
    """

    def __init__(self, app: App, callers: Mapping[bytes, Terms], admin: App | None = None) -> None:
        self._app, self._callers, self._admin = app, callers, admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in PUBLIC:
            await self._app(scope, receive, send)
            return
        if self._admin is not None and scope["path"].startswith("/admin/"):
            await self._admin(scope, receive, send)
            return
        terms = self._terms(scope["headers"])
        if terms is None:
            await _refuse(send)
            return
        token = CURRENT.set(terms)
        try:
            await self._app(scope, receive, send)
        finally:
            CURRENT.reset(token)

    def _terms(self, headers: Iterable[tuple[bytes, bytes]]) -> Terms | None:
        terms: Terms | None = None if self._callers else OPEN
        asked: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in _TERMS:
                asked[name] = value
            elif self._callers and terms is None and name in _KEYS:
                terms = self._callers.get(_hash(value.removeprefix(b"Bearer ").strip()))
        return terms if terms is None or not asked else _narrowed(terms, asked)


def _narrowed(terms: Terms, asked: Mapping[bytes, bytes]) -> Terms:
    """What a caller says about one call can only narrow its terms."""
    disable = asked.get(b"x-llm-disable-fallbacks", b"").strip().lower() in {b"true", b"1"}
    return replace(
        terms,
        disable_fallbacks=terms.disable_fallbacks or disable,
        timeout_s=_seconds(asked.get(b"x-llm-timeout-ms"), 0.001),
        # The official SDKs' own limit, in seconds. It bounds a silence, not a call: a stream may go on for longer.
        silence_s=_seconds(asked.get(b"x-stainless-timeout"), 1.0),
    )


def _seconds(raw: bytes | None, scale: float) -> float | None:
    try:
        value = float(raw or b"") * scale
    except ValueError:
        return None
    return value if 0 < value <= TIMEOUT_S_MAX else None


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _hash(key: bytes) -> bytes:
    # Looked up by its hash, a key can't be guessed from how long a comparison takes.
    return hashlib.sha256(key).digest()


async def _refuse(send: Send) -> None:
    message = "this key is unknown here; callers are configured under `callers`"
    error = {"message": message, "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    body = orjson.dumps({"error": error})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
