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
from .messages import NOTHING, LLMRequest, LLMResponse, Tokens
from .renewal import Outcome

LETTERS_PER_TOKEN, TOKENS_PER_MESSAGE = 4, 4
"""Of English text and JSON, roughly; only for estimates."""
ANSWERED = 200
"""The status of a failure that is an answer nevertheless: what its model declined was read, and is billed."""
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


def tokens_of(answer: LLMResponse) -> Tokens:
    """What the provider counted for a whole answer."""
    written = (answer.cache_write_tokens, answer.cache_write_1h_tokens)
    return (answer.input_tokens, answer.output_tokens, answer.cached_tokens, *written)


def uncounted(lane: Lane, request: LLMRequest, output: int) -> Bill:
    """The bill for a good answer whose provider told no count: it bills all the same.

    Args:
        lane: Who gave it.
        request: What was asked.
        output: Tokens of the answer, as far as can be seen.
    """
    if request.operation == "service":
        return Bill(NOTHING, None)
    return _estimate(lane, request, output)


def guessed(lane: Lane, request: LLMRequest, failure: Failure | None, pieces: int, *, stream: bool) -> Bill:
    """The bill for an attempt whose count never came.

    Args:
        lane: Where it was made.
        request: What was asked.
        failure: Why it failed; None if nobody waited for it any more.
        pieces: Pieces of the answer that had arrived; a provider's piece is a token or a little more.
        stream: Whether it was a stream.
    """
    if request.operation == "service" or (failure is not None and not pieces and _free(failure)):
        return Bill(NOTHING, 0.0)
    # A plain answer was probably written to its end by then. Of a stream we know how much came; the first piece is
    # its head.
    return _estimate(lane, request, max(0, pieces - 1) if stream else round(lane.pace.usual_output))


def _estimate(lane: Lane, request: LLMRequest, output: int) -> Bill:
    tokens = (estimate_input(request), output, 0, 0, 0)
    return Bill(tokens, None if lane.price is None else lane.price.usd(*tokens), estimated=True)


def _free(failure: Failure) -> bool:
    # A refusal isn't billed, and neither is what was never received. A 200 that declines is an answer, though.
    if failure.status == ANSWERED:
        return False
    return bool(failure.status) or failure.reason in UNSENT or failure.meaning in {Meaning.REQUEST, Meaning.UNFIT}


def estimate_input(request: LLMRequest) -> int:
    """The tokens of a prompt, roughly: its letters, its tools, and a few for each message."""
    body = request.chat()
    letters = 0
    messages = body.get("messages") or ()
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        letters += len(content) if isinstance(content, str) else _written(content)
    if not messages:
        letters = _written(body.get("input"))
    return (letters + _written(body.get("tools"))) // LETTERS_PER_TOKEN + TOKENS_PER_MESSAGE * len(messages)


def _written(part: Any) -> int:
    try:
        return len(orjson.dumps(part)) if part else 0
    except orjson.JSONEncodeError:  # nested deeper than can be written
        return 0
