"""Any JSON service, from a definition in YAML: its routes, answers, errors and its way to ask for a credential.

For the services beyond LLMs that change their terms too. `fakes/services` has definitions to start from; without one,
`echo.yaml` answers every path with what it was asked. Unlike a vendor's, this dialect is not quite stateless: `write`
keeps what the definition says is kept (made objects, answers to idempotent requests), within bounds, until `forget`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Self
from urllib.parse import parse_qsl, unquote

import orjson

from ._failure_table import error_data
from ._http_service_compile import Operation, Said, Service, typed
from ._http_service_curl import curl
from ._http_service_definition import ServiceError, is_path, load, shipped, understand
from ._http_service_failures import reply as fill_reply
from ._http_service_model import PAGE_MAX
from ._http_service_schema import complaint, same
from ._http_service_store import Kept, Store
from ._http_service_template import ABSENT, Filling, as_text, look
from ._nesting import is_deeper
from ._sse import map_data
from .base import Answer, Ask, Dialect, Event, Headers, Reply, RequestRefused

__all__ = ["DIALECT", "HttpService", "ServiceError", "is_path", "shipped"]

OPERATION: Final = "request"
"""What its requests are as operations: paced by the time to first token, counted by quotas, free of charge."""
ANYONE: Final = "anyone"
"""The credential of those who need none: their standing and quota are everyone's."""
QUERY_FIELDS_MAX: Final = 1000
IDEMPOTENCY_LETTERS_MAX: Final = 255
"""Letters of an idempotency key that count."""

_TAKE_BODIES: Final = frozenset({"POST", "PUT", "PATCH"})
_DEFAULT: Final = "echo"


@dataclass(slots=True)
class ServiceAsk(Ask):
    """A request to a service: its operation, and the values that answers may refer to."""

    to: Operation | None = None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    credential: str = field(default="", repr=False)


class HttpService(Dialect):
    """The wire format that a definition says."""

    name: ClassVar[str] = "http_service"
    repeats: ClassVar[bool] = False

    def __init__(self, service: Service, data: Mapping[str, Any]) -> None:
        definition = service.definition
        self.service = service
        self.definition = data
        """The definition as it was given."""
        self._store = Store()
        # a vendor's dialect has these as constants of its class; here they are the definition's
        vars(self).update(
            base_path=definition.base_path,
            answer_keys=service.answer_keys,
            failures=frozenset(service.failures.rows),
            key_example=ANYONE if definition.auth.kind == "none" else definition.auth.example,
            body_bytes_max=definition.body_bytes_max,
        )

    @classmethod
    def load(cls, name: str, folder: Path | None = None) -> Self:
        """The service of that name that comes with banstorm, or that of a file (relative to `folder`).

        Raises:
            ServiceError: when there is none, or it can't be used.
        """
        return cls(*load(name, folder))

    @classmethod
    def of(cls, data: Any, where: Callable[[tuple[str | int, ...]], str] | None = None) -> Self:
        """The service that `data`, a definition as it was loaded, says; `where` tells people of a place in it.

        Raises:
            ServiceError: when it can't be used.
        """
        return cls(understand(data, where or (lambda place: ".".join(map(str, place)) or "the definition")), data)

    def forget(self) -> None:
        """Forget what is kept."""
        self._store.clear()

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:
        """The credential, wherever the definition has it."""
        auth = self.service.definition.auth
        if auth.kind == "none":
            return ANYONE
        if auth.kind == "query":
            return _parameter(path.partition("?")[2], auth.name or "")
        if auth.kind == "header":
            return headers.get(auth.name or "", "").strip() or None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != auth.kind:
            return None
        return _basic(token) if auth.kind == "basic" else token.strip() or None

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Ask:
        """Understand a request: first its path, then its method, then its credential, then its query and body."""
        bare, _, query = path.partition("?")
        bare = _whole(bare)
        matched = self.service.match(bare)
        if not matched:
            self._refuse("unknown_url", method=method, path=bare)
        chosen = next((each for each in matched if each[0].route.method == method), None)
        chosen = chosen or next((each for each in matched if each[0].route.method == "ANY"), None)
        if chosen is None:
            allowed = ", ".join(dict.fromkeys(each.route.method for each, _ in matched))
            self._refuse("wrong_method", method=method, path=bare, allowed=allowed)
        operation, blanks = chosen
        credential = self.credential(headers, path)
        if credential is None:
            self._refuse("missing_key")
        route = operation.route
        given = self._body(method, body, required=route.body_schema is not None)
        asked = typed(route.query_schema, self._query(query))
        for schema, value in ((route.query_schema, asked), (route.body_schema, given)):
            if schema is not None and (wrong := complaint(schema, value)) is not None:
                self._misread(
                    wrong.variant if wrong.field else "malformed",
                    field=wrong.field or "the request",
                    problem=wrong.problem,
                )
        values = {
            "path": {name: _whole(unquote(blank)) for name, blank in zip(route.blanks, blanks, strict=True)},
            "query": asked,
            "header": headers,
            "method": method,
            "url": bare,
        }
        if given is not ABSENT:
            values["body"] = given
        return ServiceAsk(
            model=route.counted_as or self.service.definition.name,
            stream=False,
            text=f"{method} {bare}\n{body.decode('utf-8', 'replace')}",
            mark=None,  # a mark in it is another provider's: its call is not one to this service
            input_tokens=0,
            operation=OPERATION,
            body=given if isinstance(given, dict) else {},
            to=operation,
            values=values,
            credential=credential,
        )

    def write(self, ask: Ask, answer: Answer) -> Reply:
        """The answer: what is kept is looked up, changed and kept here."""
        if not isinstance(ask, ServiceAsk) or ask.to is None:
            raise ValueError("only what this dialect has read has an answer")
        route = ask.to.route
        key = ask.values["header"].get(route.idempotency or "", "")[:IDEMPOTENCY_LETTERS_MAX]
        if not key:
            return self._answer(ask, answer)
        place, fingerprint = ("idempotency keys", ask.credential, key), _fingerprint(ask)
        kept = self._store.get(place)
        if kept is not None and kept.reply is not None:
            if kept.fingerprint == fingerprint:
                return kept.reply
            return self.failure("conflict", {"path": ask.values["url"]}, id_seed=answer.id_seed)
        reply = self._answer(ask, answer)
        self._store.put(place, Kept(reply.body, reply, fingerprint))
        return reply

    def stream_head(self, ask: Ask, answer: Answer) -> tuple[int, Headers]:  # noqa: ARG002 - an interface
        """No such service streams."""
        raise ValueError(f"{ask.operation!r} does not stream")

    def stream(self, ask: Ask, answer: Answer) -> Iterator[Event]:  # noqa: ARG002 - an interface
        """No such service streams."""
        raise ValueError(f"{ask.operation!r} does not stream")

    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The failure in the definition's words."""
        return self.service.failures.reply(kind, details, id_seed)

    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """The failure's body as an event: there is no stream of its own that it could stand in."""
        body = self.write_failure(kind, details, id_seed).body
        try:
            return error_data(orjson.loads(body))
        except orjson.JSONDecodeError:  # a gateway's page
            return error_data({"error": body.decode()})

    def map_event(self, event: bytes, change: Callable[[Any], Any]) -> bytes:
        """`event` with its payload changed."""
        return map_data(event, change)

    def curl(self, root: str) -> list[str]:
        """A line to paste for each route that has an example; `root` is ``http://host:port``."""
        return [
            line for each in self.service.operations if (line := curl(each.route, self.service.definition.auth, root))
        ]

    def _answer(self, ask: ServiceAsk, answer: Answer) -> Reply:
        operation = ask.to
        assert operation is not None  # noqa: S101 - `write` has looked
        route = operation.route
        values = dict(ask.values)
        if collection := route.item_from:
            name = as_text(look(values, operation.by))
            kept = self._store.get((collection, ask.credential, name))
            if kept is None:
                details = {"collection": collection, "id": name, "path": values["url"], "method": values["method"]}
                return self.failure("not_found", details, id_seed=answer.id_seed)
            values["item"] = orjson.loads(kept.body)
        if route.listing:
            values |= self._page(operation, ask)
        said = next(each for each in operation.said if _suits(each, values))
        made = self._store.made if route.keep else -1
        filling = Filling(values, _seed(answer.id_seed, ask, made), answer.created_s)
        reply = fill_reply(said.status, said.headers, said.body, filling)
        if reply.status < 300:
            if route.keep:
                self._keep(route.keep, ask, reply)
            if route.remove:
                self._store.remove((route.remove, ask.credential, as_text(look(values, operation.by))))
        return reply

    def _keep(self, collection: str, ask: ServiceAsk, reply: Reply) -> None:
        body = orjson.loads(reply.body)
        if isinstance(body, dict) and "id" in body:
            self._store.put((collection, ask.credential, as_text(body["id"])), Kept(reply.body))

    def _page(self, operation: Operation, ask: ServiceAsk) -> dict[str, Any]:
        """A page of the newest items: those after the one that the query names."""
        page, query = operation.route.page, ask.values["query"]
        limit = str(query.get(page.limit, page.size))
        size = (
            min(max(int(limit), 1), PAGE_MAX) if limit.isascii() and limit.isdecimal() and len(limit) < 9 else page.size
        )
        after = str(query.get(page.after, ""))
        found = []
        begun = not after
        for name, body in self._store.newest(operation.route.listing or "", ask.credential):
            if begun:
                found.append((name, body))
                if len(found) > size:
                    break
            begun = begun or name == after
        more = len(found) > size
        items = [orjson.loads(body) for _, body in found[:size]]
        return {"items": items, "more": more, "next": found[size - 1][0] if more else None}

    def _body(self, method: str, body: bytes, *, required: bool) -> Any:
        """The body's JSON; an empty one is an empty object where the route wants one, and nothing elsewhere."""
        if not body:
            return {} if required else ABSENT
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            if required or method in _TAKE_BODIES:
                self._misread("malformed", field="the body", problem="is not valid JSON")
            return ABSENT
        if is_deeper(body, document):
            self._misread("malformed", field="the body", problem="is nested too deeply")
        return document

    def _query(self, query: str) -> dict[str, str]:
        try:
            return _pairs(query)
        except ValueError:
            self._misread("malformed", field="the query", problem="has too many fields")

    def _misread(self, variant: str, **details: str) -> NoReturn:
        self._refuse("bad_request", **details, **self.service.failures.suited("bad_request", variant))

    def _refuse(self, kind: str, **details: str) -> NoReturn:
        raise RequestRefused(self.failure(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def _pairs(query: str) -> dict[str, str]:
    found = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX) if query else ()
    return {_whole(name): _whole(value) for name, value in found}


def _parameter(query: str, name: str) -> str | None:
    try:
        return _pairs(query).get(name, "").strip() or None
    except ValueError:  # too many fields
        return None


def _whole(text: str) -> str:
    """`text` without half characters, which no JSON can carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _basic(token: str) -> str | None:
    """User and password; the user alone if the password is empty, as services with one key have it."""
    try:
        pair = base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return pair.removesuffix(":") or None


def _suits(said: Said, values: Mapping[str, Any]) -> bool:
    """Whether an answer is for these values; what isn't there counts as null."""
    for path, wanted in said.when:
        found = look(values, path)
        value = None if found is ABSENT else found
        if not any(same(value, each) for each in wanted):
            return False
    return True


def _fingerprint(ask: ServiceAsk) -> bytes:
    asked = [ask.values[name] for name in ("method", "url", "query")]
    return hashlib.blake2b(orjson.dumps([*asked, ask.values.get("body")], option=orjson.OPT_SORT_KEYS)).digest()


def _seed(id_seed: int, ask: ServiceAsk, made: int) -> int:
    """The seed of an answer's ids: that of the request, and for what is kept also how much was kept before."""
    text = f"{id_seed}/{made}/".encode() + _fingerprint(ask)
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")


DIALECT: Final = HttpService.load(_DEFAULT)
