"""Asks services, without a server."""

from __future__ import annotations

from typing import Any

import orjson
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Reply, RequestRefused
from banstorm.fakes.dialects.http_service import HttpService

NOW_S = 1_700_000_000
KEY = "Bearer sk_test_banstormbanstorm0000"
CHARGE = {"amount": 2000, "currency": "usd", "source": "tok_visa"}
GEOCODE = "/maps/api/geocode/json"


class Client:
    """Asks a service, without a server."""

    def __init__(self, dialect: HttpService) -> None:
        self.dialect = dialect
        self.reply = Reply(0, [], b"")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer; `reply` has the rest."""
        given = {"authorization": KEY} | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        try:
            ask = self.dialect.read(method, path, given, raw)
        except RequestRefused as refused:
            self.reply = refused.reply
        else:
            self.reply = self.dialect.write(ask, compose(ask, "x", id_seed=7, created_s=NOW_S))
        assert dict(self.reply.headers).get("content-length", "0") == str(len(self.reply.body))
        return self.reply.status, orjson.loads(self.reply.body) if self.reply.body else None

    def fails(self, kind: str, **details: Any) -> tuple[int, Any]:
        """Status and JSON of a failure."""
        self.reply = self.dialect.failure(kind, details, id_seed=7)
        return self.reply.status, orjson.loads(self.reply.body)


def defined(**changes: Any) -> Client:
    """A service of one route and a few changes."""
    base = {
        "name": "mine",
        "title": "Mine",
        "auth": {"kind": "none"},
        "routes": [{"route": "POST /things/{id}", "answer": {"body": {"id": "{path.id}"}}}],
        "error": {"body": {"message": "{message}"}},
    }
    return Client(HttpService.of({**base, **changes}))


def answering(said: Any, **route: Any) -> Client:
    """A service that answers POST /things/{id} with `said`."""
    return defined(routes=[{"route": "POST /things/{id}", "answer": {"body": said}, **route}])
