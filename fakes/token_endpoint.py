"""The token endpoint in front of a fake: refreshes grants, exchanges a workload's identity token, or is down.

Sources: what the official Anthropic SDK (2.10) sends and needs; the refusals' threads are named beside them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from .caller import BodyTooLargeError, CallerGoneError, Receive, read_body
from .dialects.base import Dialect, Reply
from .invoice import Bill
from .oauth import GrantRefusedError, Grants, Tokens
from .standing import AccountError

BODY_BYTES_MAX: Final = 64 * 1024
"""Largest body that the token endpoint takes."""
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("/v1/oauth/token",),
    "openai": ("/v1/oauth/token", "/oauth/token"),
}
"""Where it is, by the grants' style."""
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FEDERATION_BETA: Final = "oidc-federation-2026-04-01"
"""The beta that such an exchange must name (the SDK's `_constants.py`)."""

App = Callable[[Any, Any, Any], Awaitable[None]]

_ENOUGH: Final = "banstorm's token endpoint refreshes grants; send grant_type=refresh_token"


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
    paths = frozenset(PATHS[grants.style])

    begin_theirs = getattr(app, "begin", app)

    def front(scope: Any, receive: Receive, send: Any) -> Awaitable[None]:
        ours = scope["type"] == "http" and scope["path"] in paths
        return answer(scope, receive, send) if ours else app(scope, receive, send)

    def begin(scope: Any, receive: Receive, send: Any) -> Any:
        return (answer if scope["path"] in paths else begin_theirs)(scope, receive, send)

    async def answer(scope: Any, receive: Receive, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attempt = headers.get("x-banstorm-attempt")
        reply = None
        try:
            body = await read_body(receive, headers, BODY_BYTES_MAX)
            reply = _down(grants, dialect, named=attempt is not None)
            if reply is None:
                reply = _answer(grants, dialect, scope, headers, body)
        except BodyTooLargeError:
            reply = dialect.failure("request_too_large", {}, id_seed=0)
        except CallerGoneError:
            pass
        finally:
            done = reply is not None and reply.status == 200
            bill(Bill(attempt, provider, "", 0, 0, 0, 0.0, priced=True, completed=done, at_ns=time.monotonic_ns()))
        if reply is not None:
            named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
            await send({"type": "http.response.start", "status": reply.status, "headers": named})
            await send({"type": "http.response.body", "body": reply.body})

    front.eager = getattr(app, "eager", False)  # type: ignore[attr-defined]  # nothing here needs a task either
    front.begin = begin  # type: ignore[attr-defined]
    return front


def _down(grants: Grants, dialect: Dialect, *, named: bool) -> Reply | None:
    """What it says while it is down: an internal error, with the status asked for."""
    change = grants.outage()
    if change is None:
        return None
    reply = dialect.failure("server_error", {}, id_seed=0)
    headers = list(reply.headers)
    if named and change.entry is not None:
        headers.append(("x-banstorm-entry", change.entry))
    return Reply(int(change.details["status"]), headers, reply.body)


def _answer(grants: Grants, dialect: Dialect, scope: Any, headers: Mapping[str, str], body: bytes) -> Reply:
    if scope["method"] != "POST":
        return dialect.failure("wrong_method", {"method": scope["method"], "path": scope["path"]}, id_seed=0)
    fields = _fields(body)
    kind = fields.get("grant_type")
    if kind == JWT_BEARER and grants.style == "anthropic":
        return _exchange(grants, dialect, fields, scope, headers)
    if kind != "refresh_token":
        return _refuse(grants.style, 400, "unsupported_grant_type", _ENOUGH)
    token = fields.get("refresh_token")
    if not isinstance(token, str) or not token:
        return _refuse(grants.style, 400, "invalid_request", "refresh_token is missing")
    organisation = grants.organisation_of(token)
    if organisation is not None and (refused := grants.barred(organisation, scope, headers)) is not None:
        return dialect.failure(refused, {}, id_seed=0)
    try:
        return _granted(grants.refresh(token))
    except GrantRefusedError as error:
        return _refuse_grant(grants.style, error.why)


def _exchange(
    grants: Grants, dialect: Dialect, fields: Mapping[str, Any], scope: Any, headers: Mapping[str, str]
) -> Reply:
    """Exchange a workload's identity token for an access token; the words of its refusals are a default."""
    betas = {each.strip() for each in headers.get("anthropic-beta", "").split(",")}
    if FEDERATION_BETA not in betas:
        return _refuse(grants.style, 400, "invalid_request", f"this grant needs the beta {FEDERATION_BETA}")
    told = {name: fields.get(name) for name in ("assertion", "federation_rule_id", "organization_id")}
    for name, value in told.items():
        if not isinstance(value, str) or not value:
            return _refuse(grants.style, 400, "invalid_request", f"{name} is missing")
    workspace = fields.get("workspace_id")
    project = workspace if isinstance(workspace, str) and workspace != "default" else None
    organisation, rule = str(told["organization_id"]), str(told["federation_rule_id"])
    if (refused := grants.barred(organisation, scope, headers)) is not None:
        return dialect.failure(refused, {}, id_seed=0)
    try:
        who = f"{rule}/{fields.get('service_account_id') or ''}"
        return _granted(grants.exchange(str(told["assertion"]), who, organisation, project))
    except GrantRefusedError as error:
        return _refuse(grants.style, 400, "invalid_grant", f"The assertion is {error.why}")
    except AccountError as error:
        return _refuse(grants.style, 400, "invalid_grant", str(error))


def _granted(tokens: Tokens) -> Reply:
    granted: dict[str, Any] = {
        "token_type": "Bearer",
        "access_token": tokens.access,
        "expires_in": tokens.expires_in_s,
    }
    if tokens.refresh:
        granted["refresh_token"] = tokens.refresh
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
