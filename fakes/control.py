"""The control API of running fakes: standing, quota, latency, OAuth logins, reset, the invoices, and waiting.

JSON over HTTP on a loopback port of its own, with a bearer token; refusals are problem details (RFC 9457), and
``/openapi.json`` describes it all. Keys are shown as fingerprints, never as they are.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError

from .books import Books
from .caller import BodyTooLargeError, CallerGoneError, Message, Receive, read_body
from .control_bodies import Body
from .control_desk import Desk, Problem, Provider, Result, Tempo
from .control_routes import ROUTES, openapi

__all__ = ["BODY_BYTES_MAX", "ROUTES", "Control", "Provider", "Tempo", "openapi"]

BODY_BYTES_MAX: Final = 64 * 1024
"""Largest body of a request."""

Model = TypeVar("Model", bound=Body)


class Control:
    """The control API as an ASGI application.

    Args:
        providers: The fakes, by name.
        books: Where their invoices are.
        token: The bearer token that callers must have.
    """

    def __init__(self, providers: Mapping[str, Provider], books: Books, token: str) -> None:
        self._desk = Desk(providers, books)
        self._token = token.encode()
        self._routes = {(route.method, route.path): route for route in ROUTES}
        self._document = openapi()

    async def __call__(self, scope: Any, receive: Receive, send: Callable[[Message], Awaitable[None]]) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                while (message := await receive())["type"] != "lifespan.shutdown":
                    await send({"type": f"{message['type']}.complete"})
                await send({"type": "lifespan.shutdown.complete"})
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        kind = b"application/json"
        try:
            status, body = await self._answer(scope, headers, receive)
        except Problem as problem:
            status, body, kind = problem.status, problem.body, b"application/problem+json"
        except CallerGoneError:
            return
        data = orjson.dumps(body)
        named = [(b"content-type", kind), (b"content-length", b"%d" % len(data)), (b"cache-control", b"no-store")]
        if status == 401:
            named.append((b"www-authenticate", b'Bearer realm="banstorm"'))
        if status == 405:
            named.append((b"allow", ", ".join(body["allowed"]).encode()))
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": data})

    async def _answer(self, scope: Any, headers: dict[str, str], receive: Receive) -> Result:
        path, method = scope["path"], scope["method"]
        if path == "/openapi.json":
            return 200, self._document
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), b"Bearer " + self._token):
            raise Problem(401, "unauthorized", "no valid token", "send the header `authorization: Bearer TOKEN`")
        name, template = "", path
        parts = path.split("/")
        if len(parts) > 3 and parts[1:3] == ["v1", "providers"]:
            name, parts[3] = parts[3], "{provider}"
            template = "/".join(parts)
        route = self._routes.get((method, template))
        if route is None:
            self._no_route(method, template)
        assert route is not None  # noqa: S101 - told above
        try:
            raw = await read_body(receive, headers, BODY_BYTES_MAX)
        except BodyTooLargeError:
            raise Problem(413, "too-large", "the body is too large", f"at most {BODY_BYTES_MAX} bytes") from None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            body = None if route.takes is None else _read(route.takes, query if route.in_query else _json(raw))
            return await route.answer(self._desk, name, body)
        except ValueError as error:
            raise Problem(422, "invalid", "the request makes no sense", str(error)) from error

    def _no_route(self, method: str, template: str) -> None:
        allowed = sorted(known for known, path in self._routes if path == template)
        if allowed:
            detail = f"this path takes {', '.join(allowed)}"
            raise Problem(405, "method", f"{method} is not for this path", detail, allowed=allowed)
        raise Problem(404, "unknown-path", "there is nothing at this path", "GET /openapi.json lists what there is")


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise Problem(400, "no-json", "the body is no JSON", str(error)) from error


def _read(model: type[Model], given: Any) -> Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = [
            {"pointer": "/" + "/".join(map(str, each["loc"])), "detail": each["msg"]}
            for each in error.errors(include_url=False, include_input=False)
        ]
        detail = "; ".join(f"{each['pointer']}: {each['detail']}" for each in wrong)
        raise Problem(422, "invalid", "the request makes no sense", detail, errors=wrong) from error
