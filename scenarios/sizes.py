"""How long prompts and answers are, as a scenario says it: a count of tokens, or quantiles of it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .speed import parse_quantiles
from .units import parse_token_limit, parse_tokens

PROMPT_TOKENS_MAX: Final = 100_000
"""Longest prompt, in tokens."""
Size = int | dict[str, int]
"""A count of tokens, or quantiles of it by name, lowest first."""


def parse_answer(value: Any) -> Size:
    """The length of an answer such as ``24 tokens``, or ``{p50: 24 tokens, p95: 200 tokens}``.

    Raises:
        ValueError: when it is neither.
    """
    if not isinstance(value, dict):
        return parse_tokens(value)
    return _whole(parse_quantiles(value, parse_tokens, "{p50: 24 tokens, p95: 200 tokens}"))


def parse_prompt(value: Any) -> Size:
    """The length of a prompt such as ``800 tokens``, or ``{p50: 300 tokens, p95: 4000 tokens}``.

    Raises:
        ValueError: when it is neither.
    """
    if not isinstance(value, dict):
        return _prompt(value)
    return _whole(parse_quantiles(value, _prompt, "{p50: 300 tokens, p95: 4000 tokens}"))


def _prompt(value: Any) -> int:
    try:
        tokens = parse_token_limit(value)
    except ValueError:
        tokens = 0
    if not 1 <= tokens <= PROMPT_TOKENS_MAX:
        raise ValueError(f"expected a length from 1 to {PROMPT_TOKENS_MAX} tokens, such as 800 tokens; found {value!r}")
    return tokens


def _whole(quantiles: dict[str, float]) -> dict[str, int]:
    return {name: int(tokens) for name, tokens in quantiles.items()}


def _render(value: Size) -> str | dict[str, str]:
    if isinstance(value, dict):
        return {name: f"{tokens} tokens" for name, tokens in value.items()}
    return f"{value} tokens"


def typical(size: Size) -> int:
    """One length that stands for all: the count, or the lowest quantile from the median up."""
    if isinstance(size, int):
        return size
    return next((tokens for name, tokens in size.items() if float(name[1:]) >= 50), max(size.values()))


def format_size(size: Size) -> str:
    """The length for people: ``24 tokens``, or ``p50 24 p95 200 tokens``."""
    if isinstance(size, int):
        return f"{size} tokens"
    return " ".join(f"{name} {tokens}" for name, tokens in size.items()) + " tokens"


_TOKENS: Final = {"type": "string", "pattern": r"^\s*\d+\s*tokens?\s*$", "examples": ["24 tokens"]}
_SCHEMA: Final = WithJsonSchema(
    {
        "anyOf": [
            _TOKENS,
            {
                "type": "object",
                "patternProperties": {r"^p\d{1,2}(\.\d+)?$": _TOKENS},
                "additionalProperties": False,
                "minProperties": 2,
                "examples": [{"p50": "24 tokens", "p95": "200 tokens"}],
            },
        ]
    }
)
AnswerSize = Annotated[int | dict[str, int], BeforeValidator(parse_answer), PlainSerializer(_render), _SCHEMA]
"""How long answers are; written with its unit."""
PromptSize = Annotated[int | dict[str, int], BeforeValidator(parse_prompt), PlainSerializer(_render), _SCHEMA]
"""How long prompts are; written with its unit."""
