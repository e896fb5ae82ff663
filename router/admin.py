"""The admin API: add, drain, reorder, re-credential and remove providers at run time, without a lost call.

```
GET    /admin/providers                       what there is and how it stands
POST   /admin/providers                       add one: an entry as in router.yaml, and `place` (0 is first)
DELETE /admin/providers/{name}                remove it; its calls are finished
POST   /admin/providers/{name}/drain          no new calls; /resume ends that
PUT    /admin/providers/{name}/credentials    other keys (api_key, oauth, …); `{}` reads the files again
PUT    /admin/order                           {"providers": ["b", "a"]}
```

Each needs `Authorization: Bearer <token>`. Changes live in memory: a restart reads `router.yaml`. Keys never come out.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from .access import Receive, Scope, Send
from .build import build_pool, build_purses, move_on, observed, warm_up
from .config import Config, Provider
from .config_priced import check_prices
from .core import LLMRouter
from .errors import ConfigError
from .fleet import UnknownProvider
from .http_provider import HTTPProvider
from .lane import DRAINED, Lane
from .metrics import Metrics
from .oauth_login import OAuthLogin
from .provider import LLMProvider

BODY_BYTES_MAX = 64 * 1024
_KEY_FIELDS = ("api_key", "api_key_env", "api_key_file", "api_keys_env", "api_keys_files", "oauth")


class Refused(Exception):  # noqa: N818 - named for what happened
    """The request can't be done; status and message go to the caller."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Admin:
    """The API as an ASGI application.

    Args:
        router: What is changed.
        config: What it was built from.
        metrics: Where a new provider's series begin.
        token: Whoever has it may change everything.
    """

    def __init__(self, router: LLMRouter, config: Config, metrics: Metrics, token: str) -> None:
        self._router, self._config, self._metrics, self._token = router, config, metrics, token.encode()
        self._entries = {entry.name: entry for entry in config.providers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            self._check_token(scope)
            async with asyncio.timeout(self._config.timeouts.caller):
                body = await _read(receive)
            self._do(scope["method"], scope["path"].removeprefix("/admin/").rstrip("/").split("/"), body)
            status, payload = 200, self._state()
        except Refused as error:
            status, payload = error.status, _error(str(error), error.status)
        except (UnknownProvider, ConfigError) as error:
            status = 404 if isinstance(error, UnknownProvider) else 400
            payload = _error(str(error), status)
        except TimeoutError:
            status, payload = 408, _error("the body wasn't complete in time", 408)
        await _respond(send, status, payload)

    def _check_token(self, scope: Scope) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given.removeprefix(b"Bearer ").strip(), self._token):
            raise Refused(401, "the admin token is missing or wrong")

    def _do(self, method: str, path: list[str], body: dict[str, Any]) -> None:
        match method, path:
            case "GET", ["providers"]:
                return
            case "POST", ["providers"]:
                self._add(body)
            case "PUT", ["order"]:
                self._reorder(body)
            case "DELETE", ["providers", name]:
                self._remove(name)
            case "POST", ["providers", name, "drain" | "resume" as what]:
                self._router.fleet.drain(name, draining=what == "drain")
            case "PUT", ["providers", name, "credentials"]:
                self._re_credential(name, body)
            case _:
                raise Refused(404, f"there is nothing to do with {method} /admin/{'/'.join(path)}")

    def _add(self, body: dict[str, Any]) -> None:
        place = body.pop("place", None)
        if place is not None and (not isinstance(place, int) or place < 0):
            raise Refused(400, "'place' has to be a number from 0")
        entry = _checked(lambda: Provider.model_validate(body))
        if entry.name in self._entries:
            raise Refused(409, f"a provider called {entry.name!r} is there already")
        check_prices(self._config, entry, "the body")
        pool = build_pool(self._config, entry)
        self._log_in(pool)
        self._router.fleet.add(pool, place)
        alone = self._config.model_copy(update={"providers": [entry], "budget": None})
        purses = build_purses(alone, self._router.observers)
        self._router.purses.update(purses)
        self._metrics.show_budgets(purses)
        self._entries[entry.name] = entry
        self._look_round()
        for provider in pool:
            self._metrics.add_provider(provider)

    def _remove(self, name: str) -> None:
        if self._router.fleet.names == [name]:
            raise Refused(409, f"{name!r} is the only provider; add another one first")
        self._router.replace(name, [])
        del self._entries[name]
        self._look_round()
        self._router.purses.pop(name, None)
        self._metrics.forget(name)

    def _re_credential(self, name: str, body: dict[str, Any]) -> None:
        self._router.fleet.pool(name)
        entry = self._entries[name]
        if body:
            unknown = sorted(body.keys() - set(_KEY_FIELDS))
            if unknown:
                raise Refused(400, f"{unknown[0]!r} is no credential, known are {', '.join(_KEY_FIELDS)}")
            kept = {key: value for key, value in entry.model_dump().items() if key not in _KEY_FIELDS}
            entry = _checked(lambda: Provider.model_validate({**kept, **body}))
        # All keys are read before anything changes: a mistake leaves the old ones in service.
        pool = build_pool(self._config, entry)
        self._log_in(pool, [member.provider for member in self._router.fleet.pool(name)] if not body else [])
        self._router.replace(name, pool)
        self._entries[name] = entry
        self._look_round()
        self._metrics.forget(name)
        for provider in pool:
            self._metrics.add_provider(provider)

    def _look_round(self) -> None:
        """What is worth asking somebody else for depends on who is there."""
        for member in self._router.fleet.members:
            provider, entry = member.provider, self._entries.get(member.provider.name)
            if entry is not None and isinstance(provider, HTTPProvider | OAuthLogin):
                provider.use_move_on(move_on(self._config, entry, self._entries.values()))

    def _log_in(self, pool: Sequence[LLMProvider], before: Sequence[LLMProvider] = ()) -> None:
        """Logins need their first token, unless those before them have it: reading keys again costs no exchange."""
        observed(pool, self._router.observers)
        for login in pool:
            for other in before:
                if isinstance(login, OAuthLogin):
                    login.succeed(other)
        warm_up(pool)

    def _reorder(self, body: dict[str, Any]) -> None:
        names = body.get("providers")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(400, "'providers' has to be a list of names")
        self._router.fleet.reorder(names)

    def _state(self) -> dict[str, Any]:
        fleet = self._router.fleet
        return {
            "providers": [
                {
                    "name": member.provider.name,
                    "credential": member.provider.credential or None,
                    "draining": member.draining,
                    "in_flight": member.in_flight,
                    "login": member.provider.standing() if isinstance(member.provider, OAuthLogin) else None,
                    "lanes": [
                        {
                            "model": lane.model,
                            "breaker": lane.breaker.state,
                            "streams": lane.streams.state,
                            "available": lane.available() and not lane.draining,
                            "reason": _why_not(lane),
                        }
                        for lane in member.lanes.values()
                    ],
                }
                for member in fleet.members
            ],
            "leaving": [{"name": each.provider.name, "in_flight": each.in_flight} for each in fleet.leaving],
        }


def _why_not(lane: Lane) -> str | None:
    if lane.draining:
        return f"{lane.label}: {DRAINED}"
    return None if lane.available() else lane.why_not()


def _checked(make: Callable[[], Provider]) -> Provider:
    try:
        return make()
    except ValidationError as error:
        # Never the input: it may hold a key.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        raise Refused(400, f"{where}: {first['msg']}") from None


async def _read(receive: Receive) -> dict[str, Any]:
    content = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the caller left")
        content += message.get("body", b"")
        if len(content) > BODY_BYTES_MAX:
            raise Refused(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
        if not message.get("more_body"):
            break
    try:
        body = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


def _error(message: str, status: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": str(status)}}


async def _respond(send: Send, status: int, payload: Any) -> None:
    body = orjson.dumps(payload)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
