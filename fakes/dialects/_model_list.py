"""The list of models as OpenAI and the vendors of its shape give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from ._routes import Request, Route
from .base import Answer, Ask, Headers, Reply

MODELS_CREATED: Final = 1_767_225_600  # made up: when the vendor made a model tells a router nothing


def model_routes(
    path: str, names: Sequence[str], model: Callable[[str], Mapping[str, Any]], headers: Callable[[Answer], Headers]
) -> list[Route]:
    """``GET path`` lists `names`; ``GET path/{}`` describes any model, as `model(name)` has it."""

    def write_list(_: Ask, answer: Answer) -> Reply:
        return _plain({"object": "list", "data": [model(name) for name in names]}, headers(answer))

    def write_one(ask: Ask, answer: Answer) -> Reply:
        return _plain(model(ask.model), headers(answer))

    return [
        Route("models", "GET", path, _read, write_list),
        Route("model", "GET", path + "/{}", _read, write_one),
    ]


def _read(request: Request) -> Ask:
    operation = "model" if request.name else "models"
    return Ask(request.name, stream=False, text="", mark=None, input_tokens=0, operation=operation)


def _plain(body: Any, headers: Headers) -> Reply:
    data = orjson.dumps(body)
    return Reply(200, [("content-type", "application/json"), ("content-length", str(len(data))), *headers], data)
