"""The control API of running fakes: standing, quota, latency, OAuth logins, reset, the invoices, and waiting.

JSON over HTTP on a loopback port of its own, with a bearer token; refusals are problem details (RFC 9457), and
``/openapi.json`` describes it all. Keys are shown as fingerprints, never as they are.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import ValidationError

from .account import Accounts
from .books import Books
from .caller import BodyTooLargeError, CallerGoneError, Message, Receive, read_body
from .control_bodies import PAGE_MAX, Awaited, Body, Login, Query, Rule, Standing, Whom
from .control_latency import Latency, tell_pace
from .dialects.base import Dialect
from .oauth import Grants
from .pace import Pace, TokenTimes
from .quota import Limits

BODY_BYTES_MAX: Final = 64 * 1024
"""Largest body of a request."""
WAITERS_MAX: Final = 100
"""Waits that may be open at once."""

Model = TypeVar("Model", bound="Body")
Result = tuple[int, Any]


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


class Problem(Exception):  # noqa: N818 - it is an answer
    """A refusal, as RFC 9457 has it."""

    def __init__(self, status: int, kind: str, title: str, detail: str, **more: Any) -> None:
        super().__init__(title)
        self.status = status
        self.body = {"type": f"urn:banstorm:{kind}", "title": title, "status": status, "detail": detail, **more}


class Control:
    """The control API as an ASGI application.

    Args:
        providers: The fakes, by name.
        books: Where their invoices are.
        token: The bearer token that callers must have.
    """

    def __init__(self, providers: Mapping[str, Provider], books: Books, token: str) -> None:
        self._providers = providers
        self._books = books
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
            return await route.answer(self, name, body)
        except ValueError as error:
            raise Problem(422, "invalid", "the request makes no sense", str(error)) from error

    def _no_route(self, method: str, template: str) -> None:
        allowed = sorted(known for known, path in self._routes if path == template)
        if allowed:
            detail = f"this path takes {', '.join(allowed)}"
            raise Problem(405, "method", f"{method} is not for this path", detail, allowed=allowed)
        raise Problem(404, "unknown-path", "there is nothing at this path", "GET /openapi.json lists what there is")

    def _find(self, name: str) -> Provider:
        if name not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise Problem(404, "unknown-provider", f"there is no provider {name!r}", f"there are {known}")
        return self._providers[name]

    async def list_providers(self, _: str, __: None) -> Result:
        """The providers, their addresses and the failures that they have."""
        return 200, {
            name: {
                "dialect": each.dialect.name,
                "url": each.url,
                "failures": sorted(each.dialect.failures),
                "oauth": each.grants is not None,
            }
            for name, each in self._providers.items()
        }

    async def get_standing(self, name: str, _: None) -> Result:
        """How everyone stands, and each change that was made."""
        accounts = self._find(name).accounts
        now_s = accounts.clock()
        changes = []
        for level, whose, change in accounts.changes():
            told = {**asdict(change), "level": level, "whose": fingerprint(whose) if level == "key" else whose}
            told["begins_in_s"] = told.pop("at_s") - now_s
            until_s = told.pop("until_s")
            told["ends_in_s"] = None if until_s is None else until_s - now_s
            changes.append(told)
        return 200, {"everyone": accounts.standing(), "changes": changes}

    async def put_standing(self, name: str, body: Standing) -> Result:
        """Change a standing, now or at a moment; answers how it stands now."""
        accounts = self._find(name).accounts
        words = body.model_dump(exclude={"state"})
        accounts.change(body.state, **words)
        return 200, {"state": accounts.standing(key=body.key, organisation=body.organisation)}

    async def post_key(self, name: str, body: Whom) -> Result:
        """Enrol a key in an organisation."""
        self._find(name).accounts.enrol(body.key, body.organisation)
        return 201, {"key": fingerprint(body.key), "organisation": body.organisation}

    async def post_login(self, name: str, body: Login) -> Result:
        """Log in: an access token and a refresh token, for the provider's token endpoint."""
        grants = self._find(name).grants
        if grants is None:
            raise Problem(409, "no-oauth", f"{name!r} has no OAuth", "anthropic and openai have it")
        tokens = grants.login(body.organisation)
        return 201, {
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "expires_in": tokens.expires_in_s,
        }

    async def get_quota(self, name: str, _: None) -> Result:
        """The limits, the level of each bucket in use, and what was spent."""
        quota = self._find(name).accounts.quota
        rules = [
            {"level": rule.level, "whose": _shown(rule.level, rule.whose), "model": rule.model, **asdict(rule.limits)}
            for rule in quota.rules
        ]
        meters = [{**each, "whose": _shown(each["level"], each["whose"])} for each in islice(quota.levels(), PAGE_MAX)]
        spent = [
            {"level": level, "whose": _shown(level, whose), "usd": usd, "month_usd": month_usd}
            for level, whose, usd, month_usd in islice(quota.spent(), PAGE_MAX)
        ]
        return 200, {"rules": rules[:PAGE_MAX], "meters": meters, "spent": spent}

    async def put_quota(self, name: str, body: Rule) -> Result:
        """Limit a credential at a model; the buckets are full again."""
        limits = Limits(**body.model_dump(exclude={"key", "model"}))
        self._find(name).accounts.quota.set(limits, credential=body.key, model=body.model)
        return await self.get_quota(name, None)

    async def get_latency(self, name: str, _: None) -> Result:
        """How fast answers come."""
        return 200, tell_pace(self._find(name).tempo.pace)

    async def put_latency(self, name: str, body: Latency) -> Result:
        """Change how fast answers come; those under way keep their pace."""
        self._find(name).tempo.pace = body.pace()
        return await self.get_latency(name, None)

    async def reset(self, name: str, _: None) -> Result:
        """Lift every standing, quota and grant of one provider; its pace and its invoices stay."""
        self._reset(self._find(name))
        return 200, {}

    async def reset_all(self, _: str, __: None) -> Result:
        """The same for every provider, and forget all invoices."""
        for each in self._providers.values():
            self._reset(each)
        self._books.reset()
        return 200, {}

    def _reset(self, provider: Provider) -> None:
        provider.accounts.reset()
        provider.dialect.forget()
        if provider.grants is not None:
            provider.grants.reset()

    async def get_invoices(self, _: str, query: Query) -> Result:
        """What was billed, in order; go on after `next`."""
        return 200, self._books.find(query)

    async def wait(self, _: str, body: Awaited) -> Result:
        """Wait until there are enough invoices, or until a standing is reached; `met` says which came first."""
        if self._books.waiters >= WAITERS_MAX:
            raise Problem(503, "too-many-waits", "too many wait already", f"at most {WAITERS_MAX} waits at once")
        if body.state is not None:
            accounts = self._find(body.provider or "").accounts

            def met() -> bool:
                return accounts.standing(key=body.key, organisation=body.organisation) == body.state
        else:
            if body.provider is not None:
                self._find(body.provider)

            def met() -> bool:
                there = self._books.count if body.provider is None else self._books.by_provider.get(body.provider, 0)
                return there >= (body.invoices or 0)

        began_s = time.monotonic()
        done = await self._books.until(met, body.timeout_s)
        return 200, {"met": done, "waited_s": time.monotonic() - began_s}


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: str
    answer: Callable[[Control, str, Any], Awaitable[Result]]
    takes: type[Body] | None = None
    in_query: bool = False


_ONE: Final = "/v1/providers/{provider}"
ROUTES: Final = (
    _Route("GET", "/v1/providers", Control.list_providers),
    _Route("GET", f"{_ONE}/standing", Control.get_standing),
    _Route("PUT", f"{_ONE}/standing", Control.put_standing, Standing),
    _Route("POST", f"{_ONE}/keys", Control.post_key, Whom),
    _Route("POST", f"{_ONE}/logins", Control.post_login, Login),
    _Route("GET", f"{_ONE}/quota", Control.get_quota),
    _Route("PUT", f"{_ONE}/quota", Control.put_quota, Rule),
    _Route("GET", f"{_ONE}/latency", Control.get_latency),
    _Route("PUT", f"{_ONE}/latency", Control.put_latency, Latency),
    _Route("POST", f"{_ONE}/reset", Control.reset),
    _Route("POST", "/v1/reset", Control.reset_all),
    _Route("GET", "/v1/invoices", Control.get_invoices, Query, in_query=True),
    _Route("POST", "/v1/wait", Control.wait, Awaited),
)


def fingerprint(credential: str) -> str:
    """A short name for a credential that can't be turned back: 8 hex digits of its SHA-256."""
    return f"key:{hashlib.sha256(credential.encode()).hexdigest()[:8]}"


def _shown(level: str, whose: str | None) -> str | None:
    return fingerprint(whose) if level == "key" and whose is not None else whose


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the control API."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    problem = {"description": "a refusal (RFC 9457)", "content": {"application/problem+json": {}}}
    for route in ROUTES:
        says = (route.answer.__doc__ or "").strip()
        operation: dict[str, Any] = {
            "operationId": getattr(route.answer, "__name__", ""),
            "summary": says,
            "responses": {"2XX": {"description": "done", "content": {"application/json": {}}}, "default": problem},
        }
        if "{provider}" in route.path:
            operation["parameters"] = [_parameter("provider", "path", {"type": "string"}, required=True)]
        if route.takes is not None:
            schema = route.takes.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            if route.in_query:
                fields = schema["properties"].items()
                operation["parameters"] = [_parameter(name, "query", each, required=False) for name, each in fields]
            else:
                operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "banstorm control", "version": "1"},
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": schemas},
        "paths": paths,
    }


def _parameter(name: str, place: str, schema: Any, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


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
