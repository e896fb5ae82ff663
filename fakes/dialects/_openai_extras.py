"""What OpenAI reads out of a request beyond its words: stop sequences, the prompt's cache, and how long to think.

The cache is a rule instead of a memory, so that bills can be checked by hand: once a conversation has an answer, all
that was said before that answer has been sent before. From 1,024 tokens on it comes from the cache, in steps of 128
(the vendor's guide on prompt caching). Reasoning takes a fixed number of tokens an effort, and none unless asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from . import _tokens
from ._openai_choices import read_choices
from ._openai_complaints import missing, refuse, shown, wrong_type
from ._routes import Request
from .base import Ask

CACHE_TOKENS_MIN: Final = 1024
"""Shortest prompt that is cached, in tokens."""
CACHE_STEP_TOKENS: Final = 128
STOPS_MAX: Final = 4
"""Most stop sequences that a request may have."""
REASONING_TOKENS: Final[Mapping[str, int]] = MappingProxyType(
    {"none": 0, "minimal": 16, "low": 64, "medium": 256, "high": 1024, "xhigh": 4096, "max": 8192}
)
"""Tokens that are thought at each effort: made up, and always the same."""
_BESIDE: Final = frozenset({"stop", "reasoning_effort", "n", "logprobs", "top_logprobs"})
THOUGHT: Final = "The question is plain, so the answer can be given at once."
"""What was thought, for vendors that show it; its length is not that of the tokens billed for it."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a vendor of OpenAI's shape has of all this.

    Attributes:
        efforts: Tokens thought at each effort that the vendor knows.
        cache_tokens_min: Shortest prompt that is cached, in tokens; None where nothing is.
        cache_step_tokens: What a cached prompt's length is a multiple of.
        stops_max: Most stop sequences, None for any number.
        choices: Whether `n` and `logprobs` are known.
    """

    efforts: Mapping[str, int] = field(default_factory=lambda: REASONING_TOKENS)
    cache_tokens_min: int | None = CACHE_TOKENS_MIN
    cache_step_tokens: int = CACHE_STEP_TOKENS
    stops_max: int | None = STOPS_MAX
    choices: bool = True


OWN: Final = Habits()


def read_chat(read: Callable[[Request], Ask], habits: Habits = OWN) -> Callable[[Request], Ask]:
    """`read`, of chat completions, with what stands beside the words."""
    least = habits.cache_tokens_min

    def whole(request: Request) -> Ask:
        ask = read(request)
        body = ask.body
        if ask.first_turn and body.keys().isdisjoint(_BESIDE):  # nearly every request
            return ask
        stop = read_stop(body.get("stop"), habits.stops_max)
        reasoning = read_effort(body.get("reasoning_effort"), "reasoning_effort", habits.efforts)
        cached = 0
        if least is not None and not ask.first_turn and ask.input_tokens >= least:
            cached = cached_tokens(
                ask.input_tokens, body["messages"], body.get("tools"), least=least, step=habits.cache_step_tokens
            )
        if stop or cached or reasoning:
            ask = replace(ask, stop=stop, cached_tokens=cached, reasoning_tokens=reasoning)
        return read_choices(ask) if habits.choices else ask

    return whole


def cached_tokens(
    input_tokens: int, turns: Sequence[Any], tools: Any, *, least: int = CACHE_TOKENS_MIN, step: int = CACHE_STEP_TOKENS
) -> int:
    """How much of a conversation of `input_tokens` was sent before: what stands before the last answer in `turns`."""
    if input_tokens < least:
        return 0
    answers = [place for place, turn in enumerate(turns) if _is_answer(turn)]
    if not answers:
        return 0
    before = turns[: answers[-1]]
    letters = sum(_letters(turn.get("content", turn.get("output"))) for turn in before)
    tokens = min(input_tokens, _tokens.count(letters, len(before), tools))
    return 0 if tokens < least else tokens // step * step


def read_stop(stop: Any, most: int | None = STOPS_MAX) -> tuple[str, ...]:
    """The stop sequences of a request: one, several, or none."""
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,) if stop else ()
    if not isinstance(stop, list):
        wrong_type("stop", "one of a string or array of strings", stop)
    for place, each in enumerate(stop):
        if not isinstance(each, str):
            wrong_type(f"stop[{place}]", "a string", each)
    if most is not None and len(stop) > most:
        refuse(
            "bad_request",
            message=f"Invalid 'stop': array too long. Expected an array with maximum length {most}, but got an "
            f"array with length {len(stop)} instead.",
            param="stop",
            code="array_above_max_length",
        )
    return tuple(each for each in stop if each)


def read_effort(effort: Any, where: str, efforts: Mapping[str, int] = REASONING_TOKENS) -> int:
    """The tokens that the effort asked for takes."""
    if effort is None:
        return 0
    if not isinstance(effort, str):
        missing(where, effort, "a string")
    if effort not in efforts:
        *names, last = (f"'{name}'" for name in efforts)
        refuse(
            "bad_request",
            message=f"Invalid value: {shown(effort)}. Supported values are: {', '.join(names)}, and {last}.",
            param=where,
            code="invalid_value",
        )
    return efforts[effort]


def _is_answer(turn: Any) -> bool:
    return bool(turn.get("role") == "assistant" or turn.get("type") == "function_call")


def _letters(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        return sum(len(text) for text in texts if isinstance(text, str))
    return _tokens.written(content) if content is not None else 0
