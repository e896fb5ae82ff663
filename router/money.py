"""Money: what every attempt cost, those that brought nothing included.

A provider bills what it read and wrote, whether or not anyone got the answer. Its own count is taken where there is
one. Where there is none (a stream that broke off, a caller who left, an answer that couldn't be read), the cost is
estimated and marked as such: it is kept apart in the metrics and counts toward budgets, since a bill that is guessed a
little too high is better than one that isn't seen coming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from .errors import Failure, Meaning
from .lane import Lane
from .messages import LLMRequest
from .renewal import Outcome

Tokens = tuple[int, int, int]
"""Input, output and cached tokens; the cached are a part of the input."""

NOTHING: Tokens = (0, 0, 0)
BYTES_PER_TOKEN = 4
"""Of English text and JSON, roughly; only for estimates."""
UNSENT = frozenset({"connect", "timeout_connect", *Outcome})
"""Failures before the provider had the request."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What one attempt cost.

    Attributes:
        tokens: Read and written.
        usd: None if nobody knows the model's price.
        estimated: Whether the tokens are a guess.
    """

    tokens: Tokens
    usd: float | None
    estimated: bool = False


def counted(lane: Lane, tokens: Tokens) -> Bill:
    """The bill for what the provider has counted."""
    return Bill(tokens, None if lane.price is None else lane.price.usd(*tokens))


def guessed(lane: Lane, request: LLMRequest, failure: Failure | None, pieces: int, *, stream: bool) -> Bill:
    """The bill for an attempt whose count never came.

    Args:
        lane: Where it was made.
        request: What was asked.
        failure: Why it failed; None if nobody waited for it any more.
        pieces: Pieces of the answer that had arrived; a provider's piece is a token or a little more.
        stream: Whether it was a stream.
    """
    if failure is not None and _free(failure):
        return Bill(NOTHING, 0.0)
    # A plain answer was probably written to its end by then; of a stream we know how much came.
    output = pieces if stream else round(lane.pace.usual_output)
    tokens = (estimate_input(request), output, 0)
    return Bill(tokens, None if lane.price is None else lane.price.usd(*tokens), estimated=True)


def _free(failure: Failure) -> bool:
    # A refusal isn't billed, and neither is what was never received.
    return bool(failure.status) or failure.reason in UNSENT or failure.meaning in {Meaning.REQUEST, Meaning.UNFIT}


def estimate_input(request: LLMRequest) -> int:
    """The tokens of a prompt, roughly."""
    body = request.chat()
    parts: list[Any] = [body.get("messages"), body.get("tools")]
    return sum(len(orjson.dumps(part)) for part in parts if part) // BYTES_PER_TOKEN
