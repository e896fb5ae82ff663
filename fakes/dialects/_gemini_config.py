"""Gemini's generation config: how long an answer may be, what ends it, how many there are, and how long to think.

Thinking takes a fixed number of tokens a level, and none unless asked for, so that bills can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ._gemini_complaints import complain, demand, field, integer, invalid, listing, message_field
from ._gemini_schema import to_json_schema
from ._gemini_signatures import signs_calls

STOPS_MAX: Final = 5
"""Most stop sequences that a request may have (ai.google.dev)."""
CANDIDATES_MAX: Final = 8
"""Most candidates of a request, for models that give several."""
THINKING_TOKENS: Final[Mapping[str, int]] = MappingProxyType({"MINIMAL": 16, "LOW": 64, "MEDIUM": 256, "HIGH": 1024})
"""Tokens that are thought at each level: made up, and always the same."""
_DYNAMIC: Final = -1
"""The thinking budget that leaves it to the model."""


@dataclass(frozen=True, slots=True)
class Config:
    """A generation config, as the fields of an `Ask` have it."""

    max_tokens: int | None
    schema: Mapping[str, Any] | None
    stop: tuple[str, ...]
    choices: int
    reasoning_tokens: int
    show_thoughts: bool


def read_config(document: Mapping[str, Any], model: str) -> Config:
    """Read a request's `generationConfig`."""
    config = message_field(document, "generationConfig", "generation_config", "GenerationConfig")
    max_tokens = integer(field(config, "maxOutputTokens"), "generation_config.max_output_tokens")
    if max_tokens is not None and max_tokens < 1:
        demand("generation_config.max_output_tokens", "max_output_tokens must be positive.")
    reasoning, shown = _read_thinking(config)
    return Config(max_tokens, _read_schema(config), _read_stop(config), _read_choices(config, model), reasoning, shown)


def _read_stop(config: Mapping[str, Any]) -> tuple[str, ...]:
    stops = listing(field(config, "stopSequences"))
    for place, stop in enumerate(stops):
        if not isinstance(stop, str):
            invalid(f"generation_config.stop_sequences[{place}]", "TYPE_STRING", stop)
    if len(stops) > STOPS_MAX:  # no capture found; the words are ours
        demand("generation_config.stop_sequences", f"at most {STOPS_MAX} stop sequences are allowed.")
    return tuple(stop for stop in stops if stop)


def _read_choices(config: Mapping[str, Any], model: str) -> int:
    count = integer(field(config, "candidateCount"), "generation_config.candidate_count")
    if count is None:
        return 1
    if not 1 <= count <= CANDIDATES_MAX:  # no capture found; the words are ours
        demand("generation_config.candidate_count", f"candidate_count must be between 1 and {CANDIDATES_MAX}.")
    if count > 1 and signs_calls(model):  # googleapis/js-genai#1609: from Gemini 3 on there is one
        complain("Multiple candidates is not enabled for this model")
    return count


def _read_thinking(config: Mapping[str, Any]) -> tuple[int, bool]:
    """The tokens to think before the answer, and whether to show them."""
    where = "generation_config.thinking_config"
    thinking = message_field(config, "thinkingConfig", where, "ThinkingConfig")
    shown = field(thinking, "includeThoughts")
    if shown is not None and not isinstance(shown, bool):
        invalid(f"{where}.include_thoughts", "TYPE_BOOL", shown)
    level = field(thinking, "thinkingLevel")
    budget = integer(field(thinking, "thinkingBudget"), f"{where}.thinking_budget")
    if level is not None:
        if not isinstance(level, str) or level.upper() not in {*THINKING_TOKENS, "THINKING_LEVEL_UNSPECIFIED"}:
            invalid(f"{where}.thinking_level", "ThinkingConfig.ThinkingLevel", level)
        if budget is not None:  # no capture found; the words are ours
            complain("You can only set only one of thinking budget and thinking level.")
        return THINKING_TOKENS.get(level.upper(), 0), bool(shown)
    if budget is None:
        return 0, bool(shown)
    if budget < _DYNAMIC:
        demand("generation_config.thinking_config.thinking_budget", "thinking_budget must be -1 or more.")
    most = THINKING_TOKENS["MEDIUM"]
    return (most if budget == _DYNAMIC else min(budget, most)), bool(shown)


def _read_schema(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer: in the vendor's own form, or as a JSON schema."""
    given = field(config, "responseJsonSchema")
    if isinstance(given, dict):
        return given
    own = field(config, "responseSchema")
    if own is not None:
        return to_json_schema(own)
    return {"type": "object"} if field(config, "responseMimeType") == "application/json" else None
