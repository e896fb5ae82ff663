"""`/v1/models` and `/v1/models/{id}`: what callers may name, in OpenAI's shape or, to its SDKs, in Anthropic's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from .fleet import Fleet
from .terms import Terms

PATH = "/v1/models"
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""What Anthropic gives for a model whose date of release it doesn't know (its API's reference on models)."""


def model_page(fleet: Fleet, terms: Terms, path: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Status and body for a path at or below `PATH`.

    Args:
        fleet: The providers as they are now, which the admin API may have changed.
        terms: How far this caller may go.
        path: What is asked for, decoded; a model's name may hold slashes.
        headers: The caller's; Anthropic's SDKs send `anthropic-version`.
    """
    known = _offered(fleet, terms)
    wanted = path.removeprefix(PATH).strip("/")
    theirs = any(name == b"anthropic-version" for name, _value in headers)
    one = _anthropic if theirs else _openai
    if not wanted:
        data = [one(model, name) for model, name in known.items()]
        page: dict[str, Any] = {"object": "list", "data": data}
        if theirs:
            ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
            page = {"data": data, "has_more": False, "first_id": None, "last_id": None, **ends}
        return 200, orjson.dumps(page)
    if wanted in known:
        return 200, orjson.dumps(one(wanted, known[wanted]))
    if theirs:
        return 404, orjson.dumps({"type": "error", "error": {"type": "not_found_error", "message": f"model: {wanted}"}})
    message = f"The model `{wanted}` does not exist or you do not have access to it."
    error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    return 404, orjson.dumps({"error": error})


def _offered(fleet: Fleet, terms: Terms) -> Mapping[str, str]:
    """Each model with the first provider that offers it."""
    found: dict[str, str] = {}
    for member in fleet.members:
        if not member.draining:
            for model, asked in member.provider.offers().items():
                if terms.allow(member.provider, asked):
                    found.setdefault(model, member.provider.name)
    return found


def _openai(model: str, provider: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 0, "owned_by": provider}


def _anthropic(model: str, _provider: str) -> dict[str, Any]:
    return {"type": "model", "id": model, "display_name": model, "created_at": _UNKNOWN_DATE}
