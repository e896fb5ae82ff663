"""The checks of `validate` for streams: as early as something shows, at the latest before the last piece goes out."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from .errors import AttemptFailed
from .messages import Chunk, LLMRequest, read_usage
from .stream_reader import StreamReader
from .validate import JSON_ANSWER, UNFINISHED, check_document, declined, drifted, known_tool, no_call
from .wanted import wanted

# What a delta may hold. One with unknown names only was renamed, and would otherwise become an empty answer.
_DELTA_FIELDS = frozenset(
    {
        "role", "content", "tool_calls", "refusal", "function_call", "annotations", "audio", "obfuscation",
        "reasoning", "reasoning_content", "reasoning_details", "name",
    }
)  # fmt: skip
_BEGINS_OBJECT = frozenset("{")
_BEGINS_JSON = frozenset('{["-0123456789tfn')
"""What a JSON document can begin with: prose shows by its first letter, before it has reached anybody."""


class ChunkCheck:
    """Checks one stream of OpenAI chunks, as they pass.

    Args:
        request: What was asked.
        limit: Longest answer that was asked for, in tokens.

    Attributes:
        token_seen: Whether something that a caller would call an answer has passed.
        finish: The finish reason, once it was there.
        refused: Whether the model said that it declines.
        usage: The provider's count, once it was there.
    """

    __slots__ = (
        "_arguments", "_called", "_content", "_last", "_names", "_padded", "_wanted", "finish", "refused", "token_seen",
        "usage",
    )  # fmt: skip

    def __init__(self, request: LLMRequest, limit: int | None = None) -> None:
        self.token_seen = self.refused = False
        self.finish: str | None = None
        self._wanted = wanted(request, limit)
        self._content: list[str] = []
        self._arguments: dict[int, list[str]] = {}
        self._names: dict[int, str] = {}
        self._called = False
        self.usage: Any = None
        self._last: dict[str, Any] = {}
        self._padded: tuple[Any, Any] | None = None

    def batch(self, chunks: list[Chunk], reader: StreamReader, *, move_on: bool) -> None:
        """Check what arrived together, and the whole if that was its end.

        Args:
            chunks: What arrived.
            reader: Who read it.
            move_on: Whether an answer that is kept back is a failure.

        Raises:
            AttemptFailed: Meaning `drifted`, or `unfit` for what is kept back; with the provider's count, if it is all.
        """
        for chunk in chunks:
            self.chunk(chunk)
        try:
            if move_on and not self.token_seen and (self.refused or self.finish == "content_filter"):
                raise declined()
            if reader.complete:
                # Before the last piece goes out: a failure can still be hidden if it is the only one.
                self.end()
        except AttemptFailed as error:
            if self.finish:  # before its end a count isn't the whole bill
                error.tokens = read_usage(self.usage or reader.counted())
            raise

    def chunk(self, chunk: Chunk) -> None:
        """Take note of one chunk; a call in its form of 2023 is turned into today's.

        Raises:
            AttemptFailed: Meaning `drifted`, naming the field.
        """
        choices = chunk.get("choices")
        if chunk.get("usage"):
            self.usage = chunk["usage"]
        if not isinstance(choices, list):
            # A chunk without choices that only carries usage or a moderation note is known from several vendors.
            if "usage" in chunk and choices is None:
                return
            raise drifted("drift_fields", "a chunk has no `choices`")
        if "obfuscation" in chunk:
            self._once(chunk["obfuscation"], choices)
        for choice in choices:
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                raise drifted("drift_fields", "a chunk's choice has no `delta`")
            if delta:
                self._delta(delta)
            if choice.get("finish_reason"):
                self._finish(choice)

    def _once(self, padding: Any, choices: list[Any]) -> None:
        """OpenAI pads chunks with random letters: one that has the last one's words and letters is that one again."""
        if padding and self._padded == (padding, choices):
            for choice in choices:
                choice["delta"] = {}
            return
        self._padded = (padding, choices)

    def _finish(self, choice: dict[str, Any]) -> None:
        if self._called and choice["finish_reason"] == "function_call":
            choice["finish_reason"] = "tool_calls"
        self.finish, self._last = choice["finish_reason"], choice

    def _delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        if content:
            self._text(content)
        if delta.get("function_call") and not self._wanted.legacy and self._wanted.tools:
            self._modernise(delta)
        if delta.get("tool_calls"):
            for call in delta["tool_calls"]:
                self._call(call)
            self.token_seen = True
        if delta.get("refusal"):
            self.refused = True
        elif delta.get("function_call") or delta.get("audio"):
            self.token_seen = True
        elif _DELTA_FIELDS.isdisjoint(delta):
            raise drifted("drift_fields", f"`delta` holds only unknown fields: {sorted(delta)[:5]}")

    def _text(self, content: Any) -> None:
        if not isinstance(content, str):
            raise drifted("drift_fields", "`delta.content` is no text")
        self.token_seen = True
        if not self._wanted.json:
            return
        if not self._content:
            content = content.lstrip()
            if content and content[0] not in (_BEGINS_OBJECT if self._wanted.object else _BEGINS_JSON):
                raise drifted("drift_json_answer", f"{JSON_ANSWER} doesn't begin like JSON")
        if content:
            self._content.append(content)

    def _modernise(self, delta: dict[str, Any]) -> None:
        old = delta.pop("function_call")
        call: dict[str, Any] = {"index": 0, "function": old}
        if not self._called:
            self._called = True
            call |= {"id": f"call_{uuid4().hex[:24]}", "type": "function"}
        delta["tool_calls"] = [call]

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
        if function.get("name") and index not in self._names:
            self._names[index] = str(function["name"])
            known_tool(self._wanted, self._names[index])

    def end(self) -> None:
        """Check the answer as a whole, after the stream's terminator.

        Raises:
            AttemptFailed: Meaning `drifted`.
        """
        if short := self._wanted.cut_short(self._last, self.usage):
            raise drifted("drift_cut_short", short)
        if self.finish in UNFINISHED:
            return
        for index, pieces in self._arguments.items():
            arguments = "".join(pieces)
            if arguments.strip():
                schema = self._wanted.tools.get(self._names.get(index, ""))
                check_document(arguments, schema, "a tool call's arguments")
        if not self.token_seen and not self.refused:
            raise drifted("drift_empty", "the stream ended without a single token")
        if self.refused or self._arguments:
            return
        no_call(self._wanted)
        if self._wanted.json and self._content:
            check_document("".join(self._content), self._wanted.schema, JSON_ANSWER)
