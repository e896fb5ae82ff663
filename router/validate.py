"""Is this an answer? Format drift is found here, before it can reach a caller as a success.

Required are the fields without which there is no answer, and what the caller asked for: a JSON document of its schema,
a call of a tool, as many tokens as it left room for. What is new, missing but optional, or unknown by value (a new
finish reason, no usage) passes: providers add fields every month, and refusing those would be an outage of our own.
Streams are checked by the same rules in `stream_check`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from .errors import AttemptFailed, Meaning, fail
from .messages import LLMRequest
from .repair import read_document
from .wanted import Wanted, wanted

UNFINISHED = frozenset({"length", "content_filter"})
"""Finish reasons of answers that aren't whole, and say so."""
CONTENT_DRIFTS = frozenset({"drift_json_answer", "drift_schema", "drift_no_call"})
"""Drifts of what a model said, not of the form it came in: one of them in a stream is no reason to avoid streams."""

JSON_ANSWER = "the answer to a `response_format` request"


def drifted(reason: str, message: str, **details: Any) -> AttemptFailed:
    """Make the failure for an answer that isn't in the agreed format."""
    return fail(Meaning.DRIFTED, reason, message, **details)


def declined(words: str = "") -> AttemptFailed:
    """Make the failure for a 200 that is no answer to its caller, but was read and is billed."""
    return fail(Meaning.UNFIT, "content_policy", words or "the answer was kept back", status=200)


def check_completion(
    body: Any, request: LLMRequest, *, limit: int | None = None, repair: bool = True
) -> tuple[str, ...]:
    """Check a plain OpenAI chat completion, and repair in place what can safely be repaired.

    Args:
        body: The completion.
        request: What was asked.
        limit: Longest answer that was asked for, in tokens.
        repair: Whether it may be changed; not where its caller gets another copy of it.

    Returns:
        Notes on what was repaired.

    Raises:
        AttemptFailed: Meaning `drifted`, naming the field.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise drifted("drift_fields", "`choices` is missing or empty")
    check = _Plain(wanted(request, limit), repair=repair)
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise drifted("drift_fields", "`choices[].message` is missing")
        if not choice.get("finish_reason"):
            # Without it a cut answer can't be told from a whole one.
            raise drifted("drift_fields", "`choices[].finish_reason` is missing")
        check.message(choice, message)
        if short := check.wanted.cut_short(choice, body.get("usage") if len(choices) == 1 else None):
            raise drifted("drift_cut_short", short)
    return check.notes


class _Plain:
    """One completion's messages against what is wanted."""

    def __init__(self, what: Wanted, *, repair: bool) -> None:
        self.wanted, self._repair = what, repair
        self.notes: tuple[str, ...] = ()

    def message(self, choice: dict[str, Any], message: dict[str, Any]) -> None:
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            raise drifted("drift_fields", "`message.content` is neither text nor null")
        if self._repair and not self.wanted.legacy and not message.get("tool_calls"):
            self._modernise(choice, message)
        calls, finish = message.get("tool_calls"), choice["finish_reason"]
        for call in calls or ():
            self._call(call, whole=finish not in UNFINISHED)
        if not content and not calls:
            if message.get("refusal") or message.get("function_call") or finish in UNFINISHED:
                return
            raise drifted("drift_empty", "the message has neither `content` nor `tool_calls`")
        if finish in UNFINISHED or message.get("refusal"):
            return
        if not calls:
            no_call(self.wanted)
        if content and not calls and self.wanted.json:
            message["content"] = self._document(content, self.wanted.schema, JSON_ANSWER)

    def _modernise(self, choice: dict[str, Any], message: dict[str, Any]) -> None:
        """A call in its form of 2023, to a caller who knows tools only."""
        old = message.get("function_call")
        if not isinstance(old, dict) or not isinstance(old.get("name"), str):
            return
        message["tool_calls"] = [{"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": old}]
        del message["function_call"]
        if choice["finish_reason"] == "function_call":
            choice["finish_reason"] = "tool_calls"
        self.notes = (*self.notes, "function_call turned into tool_calls")

    def _call(self, call: Any, *, whole: bool) -> None:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise drifted("drift_fields", "`tool_calls[].function.name` is missing")
        if not whole:
            return
        known_tool(self.wanted, function["name"])
        given, what = function.get("arguments"), "`tool_calls[].function.arguments`"
        if not isinstance(given, str):
            raise drifted("drift_fields", f"{what} is missing or no text")
        if given.strip():
            function["arguments"] = self._document(given, self.wanted.tools.get(function["name"]), what)

    def _document(self, text: str, schema: Any, what: str) -> str:
        if not self._repair:
            check_document(text, schema, what)
            return text
        document, notes, problem = read_document(text, schema)
        if problem:
            raise _wrong(what, problem)
        self.notes = (*self.notes, *notes)
        return document


def no_call(what: Wanted) -> None:
    """The answer calls no tool.

    Raises:
        AttemptFailed: Meaning `drifted`: one had to be called.
    """
    if what.call is not None:
        raise drifted("drift_no_call", "the tool that had to be called wasn't")


def known_tool(what: Wanted, name: str) -> None:
    """The answer calls this tool.

    Raises:
        AttemptFailed: Meaning `drifted`: another had to be called, or there is none of that name.
    """
    if what.call and name != what.call:
        raise drifted("drift_no_call", "another tool was called than the one that had to be")
    if what.tools and what.only_tools and name not in what.tools:
        raise drifted("drift_no_call", "a tool was called that wasn't offered")


def check_document(text: str, schema: Any, what: str) -> None:
    """Check that a text is a JSON document of a schema, as it is.

    Raises:
        AttemptFailed: Meaning `drifted`.
    """
    _, notes, problem = read_document(text, schema)
    if problem or notes:
        raise _wrong(what, problem or "would have to be repaired, and is already on its way")


def _wrong(what: str, problem: str) -> AttemptFailed:
    reason = "drift_schema" if problem.startswith("$") else "drift_json_answer"
    return drifted(reason, f"{what} {problem}" if reason == "drift_json_answer" else f"{what}: {problem}")
