"""What a request, and the stream an error comes in, make of the details of a failure of OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ._openai_failures import RESPONSES
from ._stream_so_far import SoFar
from .base import Ask

_SAME: Final = (("response_id", "id", str), ("created_s", "created_at", int), ("model", "model", str))
"""What a failed response has of the one that began: our name, theirs, its type."""


def suited(details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:
    """`details` with the API, the model and whether an answer streams; and in a response's stream where it stands.

    What `details` say themselves goes before.
    """
    told: dict[str, Any] = {}
    if ask is not None:
        told |= {"api": ask.api, "stream": ask.stream, "ask": ask}
        if ask.model:
            told["model"] = ask.model
    if after:
        told |= _place(SoFar.of(after))
    return {**told, **details} if told else details


def _place(stream: SoFar) -> dict[str, Any]:
    """The place in a stream: of a response's the number that comes next, of chunks those that came last."""
    kind = stream.last.get("type")
    if not isinstance(kind, str) or not kind.startswith("response."):
        return {"api": "", "stream": True, "chunk": stream.last} if stream.last else {}
    place: dict[str, Any] = {"api": RESPONSES, "stream": True}
    number = stream.last.get("sequence_number")
    if isinstance(number, int):
        place["sequence_number"] = number + 1
    response = stream.first.get("response")
    if isinstance(response, dict):
        place["response"] = response
        for ours, theirs, kind in _SAME:
            if isinstance(response.get(theirs), kind):
                place[ours] = response[theirs]
    return place
