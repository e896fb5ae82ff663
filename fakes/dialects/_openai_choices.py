"""Several choices for one request of chat completions, and how likely each token of them was.

Shapes and limits: OpenAI's API reference and the types of the official SDK (3.51). All choices of a request say the
same words, since an answer is a pure function of its request, and each of them is billed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from ._openai_complaints import maybe, refuse, wrong_type
from .base import Answer, Ask, Event

CHOICES_MAX: Final = 128
"""Most choices that a request may ask for."""
TOP_MAX: Final = 20
"""Most alternatives that each token is shown with."""

_NULL: Final = b'"logprobs":null'
_SIGN: Final = b"~"
_ESCAPED: Final = b"\\u007e"
# made-up alternatives, one for each place that a token may have
_OTHERS: Final = (" the", " of", " to", " and", " in", " is", " it", " that", " for", " was", " on", " are", " as")


def read_choices(ask: Ask) -> Ask:
    """`ask` with how many choices it wants; what it says of likelihoods is checked."""
    body = ask.body
    likely = maybe(body, "logprobs", bool, "a boolean")
    if body.get("top_logprobs") is not None:
        if not likely:
            refuse(
                "bad_request",
                message="The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
                param="top_logprobs",
            )
        _whole_number(body, "top_logprobs", 0, TOP_MAX)
    if body.get("n") is None:
        return ask
    wanted = _whole_number(body, "n", 1, CHOICES_MAX)
    return ask if wanted == 1 else replace(ask, choices=wanted)


def logprobs(ask: Ask, answer: Answer) -> Any:
    """How likely each token of a whole answer was, where that was asked for and it is text."""
    if ask.body.get("logprobs") is not True or answer.tool is not None:
        return None
    content = orjson.dumps([_likely(piece, ask) for piece in answer.pieces]).replace(_SIGN, _ESCAPED)
    return {"content": orjson.Fragment(content), "refusal": None}


def together(ask: Ask, answer: Answer, streams: Sequence[Iterator[Event]]) -> Iterator[Event]:
    """The streams of all choices, token by token in turn, each token with how likely it was if that was asked for."""
    likely = ask.body.get("logprobs") is True and answer.tool is None
    place = 0
    for events in zip(*streams, strict=True):
        token = events[0].token
        for event in events:
            yield _with(event, answer.pieces[place], ask) if likely and token else event
        place += token


def _with(event: Event, piece: str, ask: Ask) -> Event:
    # a string of the answer can't hold these bytes: in it each quotation mark has a backslash before it
    said = b'"logprobs":{"content":[' + orjson.dumps(_likely(piece, ask)) + b'],"refusal":null}'
    return Event(event.data.replace(_NULL, said.replace(_SIGN, _ESCAPED), 1), event.token)


def _likely(piece: str, ask: Ask) -> dict[str, Any]:
    """A token as OpenAI shows it; the numbers are made up, and depend on it alone."""
    top = ask.body.get("top_logprobs") or 0
    others = (_OTHERS * 2)[: top - 1] if top else ()
    own = _shown(piece, -(zlib.crc32(piece.encode("utf-8", "surrogatepass")) % 1000) / 10_000)
    ranked = [own, *(_shown(other, -3.0 - rank / 4) for rank, other in enumerate(others))] if top else []
    return {**own, "top_logprobs": ranked}


def _shown(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def _whole_number(body: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, int):
        wrong_type(name, "an integer", value)
    if not least <= value <= most:
        low = value < least
        refuse(
            "bad_request",
            message=f"Invalid '{name}': integer {'below minimum' if low else 'above maximum'} value. Expected a value "
            f"{f'>= {least}' if low else f'<= {most}'}, but got {value} instead.",
            param=name,
            code="integer_below_min_value" if low else "integer_above_max_value",
        )
    return value
