"""The control API's routes, and the OpenAPI document that is made from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from . import control_accounts as accounts
from . import control_answers as answers
from . import control_bodies as bodies
from . import control_books as books
from . import control_oauth as oauth
from . import control_quota as quota
from .control_desk import Desk, Result
from .control_latency import Latency


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Attributes:
        method: Its HTTP method.
        path: Its path, perhaps with ``{provider}``.
        answer: What answers it; its docstring describes it.
        gives: The model of its answer.
        takes: The model of its body, None if it has none.
        in_query: Whether that stands in the query instead.
        status: The status of success.
    """

    method: str
    path: str
    answer: Callable[[Desk, str, Any], Awaitable[Result]]
    gives: type[BaseModel]
    takes: type[bodies.Body] | None = None
    in_query: bool = False
    status: int = 200


_ONE: Final = "/v1/providers/{provider}"
ROUTES: Final = (
    Route("GET", "/v1/providers", accounts.list_providers, answers.Providers),
    Route("GET", f"{_ONE}/standing", accounts.get_standing, answers.Standings),
    Route("PUT", f"{_ONE}/standing", accounts.put_standing, answers.Changed, bodies.Standing),
    Route("DELETE", f"{_ONE}/standing", accounts.delete_standing, answers.Changed),
    Route("GET", f"{_ONE}/models", accounts.get_models, answers.Models),
    Route("PUT", f"{_ONE}/models", accounts.put_model, answers.Models, bodies.ModelStanding),
    Route("GET", f"{_ONE}/regions", accounts.get_regions, answers.Regions),
    Route("PUT", f"{_ONE}/regions", accounts.put_region, answers.Regions, bodies.Placed),
    Route("GET", f"{_ONE}/keys", accounts.get_keys, answers.Keys),
    Route("POST", f"{_ONE}/keys", accounts.post_key, answers.KeyTold, bodies.Whom, status=201),
    Route("PUT", f"{_ONE}/keys", accounts.put_keys, answers.Keys, bodies.Known),
    Route("POST", f"{_ONE}/logins", oauth.post_login, answers.TokensTold, bodies.Login, status=201),
    Route("GET", f"{_ONE}/grants", oauth.get_grants, answers.GrantsTold),
    Route("POST", f"{_ONE}/grants/revoke", oauth.revoke_grants, answers.Revoked, bodies.Revocation),
    Route("PUT", f"{_ONE}/token-endpoint", oauth.put_token_endpoint, answers.GrantsTold, bodies.TokenEndpoint),
    Route("GET", f"{_ONE}/third-parties", oauth.get_third_parties, answers.ThirdParties),
    Route("PUT", f"{_ONE}/third-parties", oauth.put_third_parties, answers.ThirdParties, bodies.ThirdParty),
    Route("GET", f"{_ONE}/quota", quota.get_quota, answers.Quotas),
    Route("PUT", f"{_ONE}/quota", quota.put_quota, answers.Quotas, bodies.Rule),
    Route("POST", f"{_ONE}/quota/lift", quota.lift_quota, answers.Lifted, bodies.Ruled),
    Route("GET", f"{_ONE}/latency", quota.get_latency, Latency),
    Route("PUT", f"{_ONE}/latency", quota.put_latency, Latency, Latency),
    Route("POST", f"{_ONE}/reset", books.reset, answers.Nothing),
    Route("POST", "/v1/reset", books.reset_all, answers.Nothing),
    Route("GET", "/v1/invoices", books.get_invoices, answers.Invoices, bodies.Query, in_query=True),
    Route("POST", "/v1/wait", books.wait, answers.Waited, bodies.Awaited),
)
_REFUSALS: Final = ("400", "401", "404", "413", "422", "default")


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the control API."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    refusals = {
        "Problem": {
            "description": "a refusal (RFC 9457)",
            "content": {"application/problem+json": {"schema": _schema(answers.Problem, schemas)}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "banstorm control",
            "version": "1",
            "description": "Changes running stand-in providers: standing, models, quota, speed, OAuth. Tells what they "
            "billed.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(schemas.items())),
            "responses": refusals,
        },
        "paths": paths,
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    gives = _schema(route.gives, schemas)
    operation: dict[str, Any] = {
        "operationId": getattr(route.answer, "__name__", ""),
        "summary": (route.answer.__doc__ or "").strip(),
        "responses": {
            str(route.status): {"description": "done", "content": {"application/json": {"schema": gives}}},
            **{status: {"$ref": "#/components/responses/Problem"} for status in _REFUSALS},
        },
    }
    parameters = []
    if "{provider}" in route.path:
        parameters.append(_parameter("provider", "path", {"type": "string"}, required=True))
    if route.takes is not None and route.in_query:
        fields = route.takes.model_json_schema()["properties"].items()
        parameters += [_parameter(name, "query", each, required=False) for name, each in fields]
    elif route.takes is not None:
        schema = _schema(route.takes, schemas)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _schema(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a model's schema, which joins the others."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas.setdefault(model.__name__, schema)
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _parameter(name: str, place: str, schema: Any, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}
