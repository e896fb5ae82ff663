"""Is this an answer? Format drift is found here, before it can reach a caller as a success.

Required are the fields without which there is no answer. What is new, missing but optional, or unknown by value (a new
finish reason, no usage) passes: providers add fields every month, and refusing those would be an outage of our own.
"""

from __future__ import annotations

from typing import Any

import orjson

from .errors import AttemptFailed, Meaning, fail
from .messages import Chunk, LLMRequest

# What a delta may hold. One with unknown names only was renamed, and would otherwise become an empty answer.
_DELTA_FIELDS = frozenset(
    {
        "role", "content", "tool_calls", "refusal", "function_call", "annotations", "audio", "obfuscation",
        "reasoning", "reasoning_content", "reasoning_details", "name",
    }
)  # fmt: skip
_UNFINISHED = frozenset({"length", "content_filter"})


def drifted(reason: str, message: str, **details: Any) -> AttemptFailed:
    """Make the failure for an answer that isn't in the agreed format."""
    return fail(Meaning.DRIFTED, reason, message, **details)


def check_completion(body: Any, request: LLMRequest) -> None:
    """Check a plain OpenAI chat completion.

    Raises:
        AttemptFailed: Meaning `drifted`, naming the field.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise drifted("drift_fields", "`choices` is missing or empty")
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise drifted("drift_fields", "`choices[].message` is missing")
        if not choice.get("finish_reason"):
            # Without it a cut answer can't be told from a whole one.
            raise drifted("drift_fields", "`choices[].finish_reason` is missing")
        _check_message(message, choice.get("finish_reason"), request)


def _check_message(message: dict[str, Any], finish: Any, request: LLMRequest) -> None:
    content, calls = message.get("content"), message.get("tool_calls")
    if content is not None and not isinstance(content, str):
        raise drifted("drift_fields", "`message.content` is neither text nor null")
    for call in calls or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise drifted("drift_fields", "`tool_calls[].function.name` is missing")
        if finish not in _UNFINISHED:
            check_json(function.get("arguments"), "`tool_calls[].function.arguments`", may_be_empty=True)
    if not content and not calls:
        if message.get("refusal") or message.get("function_call") or finish in _UNFINISHED:
            return
        raise drifted("drift_empty", "the message has neither `content` nor `tool_calls`")
    if content and not calls and request.wants_json and finish not in _UNFINISHED:
        check_json(content, "the answer to a `response_format` request")


def check_json(text: Any, what: str, *, may_be_empty: bool = False) -> None:
    """Check that a text is a JSON document.

    Raises:
        AttemptFailed: Meaning `drifted`.
    """
    if not isinstance(text, str):
        raise drifted("drift_fields", f"{what} is missing or no text")
    if may_be_empty and not text.strip():
        return
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise drifted("drift_json_answer", f"{what} is not JSON: {error}") from None


class ChunkCheck:
    """Checks one stream of OpenAI chunks, as they pass.

    Attributes:
        token_seen: Whether something that a caller would call an answer has passed.
        finish: The finish reason, once it was there.
    """

    __slots__ = ("_arguments", "_content", "_json", "_refused", "finish", "token_seen")

    def __init__(self, request: LLMRequest) -> None:
        self.token_seen = False
        self.finish: str | None = None
        self._json = request.wants_json
        self._content: list[str] = []
        self._arguments: dict[int, list[str]] = {}
        self._refused = False

    def chunk(self, chunk: Chunk) -> None:
        """Take note of one chunk.

        Raises:
            AttemptFailed: Meaning `drifted`, naming the field.
        """
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            # A chunk without choices that only carries usage or a moderation note is known from several vendors.
            if "usage" in chunk and choices is None:
                return
            raise drifted("drift_fields", "a chunk has no `choices`")
        for choice in choices:
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                raise drifted("drift_fields", "a chunk's choice has no `delta`")
            if delta:
                self._delta(delta)
            if choice.get("finish_reason"):
                self.finish = choice["finish_reason"]

    def _delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        if content:
            if not isinstance(content, str):
                raise drifted("drift_fields", "`delta.content` is no text")
            self.token_seen = True
            if self._json:
                self._content.append(content)
        if delta.get("tool_calls"):
            for call in delta["tool_calls"]:
                self._call(call)
            self.token_seen = True
        if delta.get("refusal"):
            self._refused = True
        elif delta.get("function_call") or delta.get("audio"):
            self.token_seen = True
        elif _DELTA_FIELDS.isdisjoint(delta):
            raise drifted("drift_fields", f"`delta` holds only unknown fields: {sorted(delta)[:5]}")

    def _call(self, call: Any) -> None:
        function = call.get("function") if isinstance(call, dict) else None
        pieces = function.get("arguments", "") if isinstance(function, dict) else None
        if (
            not isinstance(pieces, str)
            or not isinstance(function, dict)
            or function.keys().isdisjoint({"name", "arguments"})
        ):
            raise drifted("drift_fields", "`delta.tool_calls[].function` is missing or has unknown fields only")
        index = call.get("index") if isinstance(call.get("index"), int) else 0
        self._arguments.setdefault(index, []).append(pieces)

    def end(self) -> None:
        """Check the answer as a whole, after the stream's terminator.

        Raises:
            AttemptFailed: Meaning `drifted`.
        """
        if self.finish in _UNFINISHED:
            return
        for pieces in self._arguments.values():
            check_json("".join(pieces), "a tool call's arguments", may_be_empty=True)
        if not self.token_seen and not self._refused:
            raise drifted("drift_empty", "the stream ended without a single token")
        if self._json and self._content and not self._arguments:
            check_json("".join(self._content), "the answer to a `response_format` request")
