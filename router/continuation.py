"""Continuation: an answer that broke off after its first token is gone on with by another provider.

What was said goes back as the assistant's own last message. A provider that takes it as a prefill goes on behind it;
one that doesn't is asked to. Models don't always do as they are told: where the two parts meet, what is said again is
left out (`Seam`), and a second answer that begins anew in other words isn't joined to the first one. Only text can be
gone on with: a caller may already have acted on half a tool call.
"""

from __future__ import annotations

from typing import Any

from .errors import AttemptFailed, Meaning, fail
from .messages import Chunk, LLMRequest
from .validate import JSON_ANSWER, check_document
from .wanted import Wanted, wanted

PREFILL, ASK = "prefill", "ask"
"""How a provider is made to go on: it takes an assistant's last message as the beginning, or it has to be asked to."""
PLEASE = (
    "Your answer was interrupted. Go on exactly where it stops, with the very next character, in the same form. "
    "Repeat nothing, explain nothing, and don't mention the interruption."
)
SAID_CHARS_MAX = 256 * 1024
"""Longest answer that is gone on with; it has to be sent back."""
OVERLAP_CHARS_MIN = 12
"""What is said again at the seam is a repetition from this length on; shorter, it may be meant."""
OVERLAP_CHARS_MAX = 400
"""How far back the seam looks for it."""
ANEW_CHARS_MIN = 24
"""An answer that begins like the first one for so long, and then leaves it, is another answer."""


class Said:
    """What has reached the caller of one stream.

    Args:
        request: What was asked.
    """

    def __init__(self, request: LLMRequest) -> None:
        self._request = request
        self._parts: list[str] = []
        self._chars = 0
        self._pieces = 0
        self._only_text = request.operation == "chat" and not (request.native is not None and request.native.only)
        self.head: dict[str, Any] = {}
        self._seam, self._before = Seam(""), 0

    @property
    def text(self) -> str:
        """The words."""
        return "".join(self._parts)

    @property
    def can_go_on(self) -> bool:
        """Whether somebody else could go on with it."""
        return self._only_text and 0 < self._chars <= SAID_CHARS_MAX

    @property
    def wanted(self) -> Wanted:
        """What the answer has to be as a whole."""
        return wanted(self._request)

    def take(self, chunks: list[Chunk]) -> None:
        """Take note of what goes out."""
        for chunk in chunks:
            if not self.head:
                self.head = {name: chunk.get(name) for name in ("id", "created")}
            for choice in chunk.get("choices") or ():
                self._choice(choice)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or {}
        if delta.get("content"):
            self._parts.append(delta["content"])
            self._chars += len(delta["content"])
            self._pieces += 1
        others = delta.get("tool_calls") or delta.get("function_call") or delta.get("refusal") or delta.get("audio")
        # With a finish reason nothing is missing but the terminator; going on would say more than there is.
        if others or choice.get("index") or choice.get("finish_reason"):
            self._only_text = False

    def request(self, how: str) -> LLMRequest:
        """The request that asks a provider to go on.

        Args:
            how: `PREFILL` or `ASK`.
        """
        first = self._request
        body = {
            name: value
            for name, value in first.chat().items()
            # The form of the whole isn't the form of its rest.
            if name not in {"response_format", "tools", "tool_choice", "parallel_tool_calls", "stream_options"}
        }
        # A prefill that ends in a blank is refused by some vendors.
        turns = [{"role": "assistant", "content": self.text.rstrip()}]
        if how == ASK:
            turns.append({"role": "user", "content": PLEASE})
        body["messages"] = [*body["messages"], *turns]
        for name in ("max_tokens", "max_completion_tokens"):
            if isinstance(body.get(name), int):
                body[name] = max(1, body[name] - self._pieces)
        made = LLMRequest.from_chat(body)
        made.metadata, made.terms = first.metadata, first.terms
        return made

    def meet(self) -> None:
        """Somebody goes on: what comes now is joined to what was said."""
        self._seam, self._before = Seam(self.text), self._pieces

    def joined(self, chunks: list[Chunk]) -> list[Chunk]:
        """The pieces of the rest, as pieces of the one answer; note is taken of them.

        Raises:
            AttemptFailed: They don't go on with it. Those of this list haven't gone out then.
        """
        out = []
        for chunk in chunks:
            if self._join(chunk):
                self.take([chunk])
                out.append(chunk)
        return out

    def _join(self, chunk: Chunk) -> bool:
        chunk.pop("native", None)  # its own events would begin a second message
        chunk.pop("adapted", None)
        chunk |= self.head
        usage = chunk.get("usage")
        if isinstance(usage, dict) and isinstance(usage.get("completion_tokens"), int):
            written = usage["completion_tokens"] + self._before
            chunk["usage"] = {
                **usage,
                "completion_tokens": written,
                "total_tokens": (usage.get("prompt_tokens") or 0) + written,
            }
        keep = bool(usage)
        for choice in chunk.get("choices") or ():
            keep = self._fit(choice) or keep
        return keep

    def _fit(self, choice: dict[str, Any]) -> bool:
        delta = choice.setdefault("delta", {})
        if delta.get("tool_calls") or delta.get("function_call") or delta.get("refusal"):
            raise _another("it says something else than text")
        delta.pop("role", None)
        text = self._seam.feed(delta.pop("content", None) or "")
        finish = choice.get("finish_reason")
        if finish:
            text += self._seam.end()
            self._whole(self.text + text)
        if text:
            delta["content"] = text
        return bool(delta) or bool(finish)

    def _whole(self, text: str) -> None:
        """Check the answer of both parts, before the last piece goes out."""
        if self.wanted.json:
            check_document(text, self.wanted.schema, JSON_ANSWER)


class Seam:
    """Where the rest of an answer meets what was said.

    Args:
        said: What was said.
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._tail = said[-OVERLAP_CHARS_MAX:]
        self._held = ""
        self._decided = False

    def feed(self, text: str) -> str:
        """What of this may go out: nothing as long as it could be a repetition.

        Raises:
            AttemptFailed: The answer begins anew.
        """
        if self._decided or not text:
            return text
        self._held += text
        if self._may_repeat():
            return ""
        return self._decide()

    def end(self) -> str:
        """The rest is over: what is still held back and no repetition.

        Raises:
            AttemptFailed: The answer was given once more in part.
        """
        return "" if self._decided else self._decide()

    def _may_repeat(self) -> bool:
        held = self._held.lstrip()
        if not held or (len(held) < len(self._said) and self._said.startswith(held)):
            return True
        at = self._tail.find(held)
        return at >= 0 and at + len(held) < len(self._tail)

    def _decide(self) -> str:
        self._decided = True
        held = self._held
        bare, said = held.lstrip(), self._said
        whole = said.rstrip()
        if len(whole) >= OVERLAP_CHARS_MIN and bare.startswith(whole):
            # All of it once more, and then the rest.
            return self._fitted(bare[len(whole) :])
        if _common(bare, said) >= ANEW_CHARS_MIN:
            raise _another("it begins anew")
        for length in range(min(len(bare), len(self._tail)), OVERLAP_CHARS_MIN - 1, -1):
            if whole.endswith(bare[:length]) or said.endswith(bare[:length]):
                return self._fitted(bare[length:])
        return self._fitted(held)

    def _fitted(self, text: str) -> str:
        # The blank that the prefill was sent without is said again.
        return text.lstrip() if self._said[-1:].isspace() else text


def _common(one: str, other: str) -> int:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _another(why: str) -> AttemptFailed:
    return fail(Meaning.DRIFTED, "not_contiguous", f"the rest doesn't go on with what was said: {why}")
