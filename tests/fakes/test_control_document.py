"""The control API's OpenAPI document, and that the API answers as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from banstorm.fakes.control_routes import ROUTES, Route, openapi
from pydantic import ValidationError

from .test_control import Market, market

__all__ = ["market"]

DOCUMENT = openapi()
PARAMETER = {"provider": "anthropic"}
# an operation's body that works; those without one need none
BODIES: dict[str, Any] = {
    "put_standing": {"state": "org_disabled", "key": "a", "spread_s": 5, "for_s": 9},
    "put_model": {"state": "model_retired", "model": "gpt-4*", "in_s": 5},
    "put_region": {"network": "127.0.0.2/32", "region": "XX"},
    "post_key": {"key": "a", "organisation": "acme", "project": "web"},
    "put_keys": {"accept_unknown": True},
    "post_login": {},
    "revoke_grants": {"organisation": "acme"},
    "put_token_endpoint": {"state": "down", "status": 500, "for_s": 5},
    "put_third_parties": {"block": "Fang"},
    "put_quota": {"requests_per_minute": 5, "window_5h_tokens": 1000, "organisation": "acme"},
    "lift_quota": {"organisation": "acme"},
    "put_latency": {"ttft_s": 0.1, "models": {"m": {"jitter": 0.5}}},
    "wait": {"invoices": 1, "timeout_s": 0.01},
}


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(each)


def _named(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_reference_leads_somewhere() -> None:
    """Each `$ref` points at something in the document, and nothing that is defined is unused."""
    refs = {node["$ref"] for node in _nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    for ref in refs:
        found = DOCUMENT
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
    defined = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert {ref for ref in refs if "/schemas/" in ref} == defined


def test_every_schema_is_one() -> None:
    """Each schema is a JSON Schema of the dialect that OpenAPI 3.1 has."""
    assert DOCUMENT["components"]["schemas"]
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("route", ROUTES, ids=_named)
def test_every_operation_is_whole(route) -> None:
    """Each has its own id, words, path parameters, body, answer and refusals, as OpenAPI wants them."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert operation["summary"]
    assert ("requestBody" in operation) == (route.takes is not None and not route.in_query)
    in_path = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path" and each["required"]]
    assert in_path == re.findall(r"{(\w+)}", route.path)
    assert all(each["schema"] for each in operation.get("parameters", []))
    success = operation["responses"][str(route.status)]
    assert success["description"]
    assert success["content"]["application/json"]["schema"]
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}


def test_the_document_as_a_whole() -> None:
    """It names its version, its title and its token, ids are unique, and the query of invoices is described."""
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert DOCUMENT["security"] == [{name: []} for name in DOCUMENT["components"]["securitySchemes"]]
    ids = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)
    query = DOCUMENT["paths"]["/v1/invoices"]["get"]["parameters"]
    assert {each["name"] for each in query} >= {"provider", "after", "limit"}


async def test_it_is_served_without_a_token(market: Market) -> None:
    """Whoever wants to know what there is needs no token for that."""
    status, document, _ = await market.call("GET", "/openapi.json", token="")
    assert (status, document) == (200, DOCUMENT)


@pytest.mark.parametrize("route", ROUTES, ids=_named)
async def test_an_answer_is_what_the_document_says(make_fake, route) -> None:
    """Every operation gives its status, and an answer that has exactly the fields that are described."""
    market = Market(make_fake("anthropic"))  # the one that has them all
    await market.call("POST", "/v1/providers/anthropic/logins", {"organisation": "acme"})
    for name in ("put_standing", "put_model", "put_region", "post_key", "put_quota"):
        other = next(each for each in ROUTES if getattr(each.answer, "__name__", "") == name)
        await market.call(other.method, other.path.format(**PARAMETER), BODIES[name])
    market.clock.now_s += 20
    await market.ask()
    name = getattr(route.answer, "__name__", "")
    status, answer, _ = await market.call(route.method, route.path.format(**PARAMETER), BODIES.get(name))
    assert status == route.status, answer
    route.gives.model_validate(answer)
    assert (route.takes is None or route.in_query) == (name not in BODIES)


def test_a_problem_is_a_problem() -> None:
    """The model of refusals wants what RFC 9457 has."""
    schema = DOCUMENT["components"]["schemas"]["Problem"]
    assert set(schema["required"]) == {"type", "title", "status", "detail"}
    with pytest.raises(ValidationError):
        ROUTES[0].gives.model_validate({"openai": {"dialect": "openai"}})
