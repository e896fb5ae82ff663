"""What goes in and what comes out: `LLMRequest`, `LLMResponse` and the stream's chunks.

Inside the router every request is an OpenAI chat completions body and every answer an OpenAI completion or a series
of its chunks: the front speaks that dialect, so the common path translates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .terms import CURRENT, Terms

Chunk = dict[str, Any]
"""One `chat.completion.chunk` object."""


@dataclass(frozen=True, slots=True)
class Native:
    """A request as its caller worded it, for a provider that speaks the same dialect: nothing is lost on the way.

    Attributes:
        dialect: The provider dialect that can take it as it is.
        body: The caller's own body; not copied, so it must not change.
        method: HTTP method, for services that are no LLMs.
        path: Path and query, for the same.
        headers: The caller's own headers that may go on (`idempotency-key`).
        only: What no other dialect can express, so only this one may be asked; empty if there is nothing.
    """

    dialect: str
    body: Any
    method: str = "POST"
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    only: str = ""


@dataclass(slots=True)
class LLMRequest:
    """A question to a language model.

    Attributes:
        prompt: The user's text; left empty when `messages` are given.
        max_tokens: Longest answer, in tokens; None leaves it to the provider.
        temperature: 0 to 2 as OpenAI counts it; None leaves it to the provider.
        metadata: Goes back to the caller with the response, never to a provider.
        messages: Chat messages in OpenAI's shape, instead of `prompt`.
        tools: Tool definitions in OpenAI's shape.
        tool_choice: `auto`, `none`, `required` or a named function in OpenAI's shape.
        response_format: `{"type": "json_schema", …}` in OpenAI's shape.
        extra: Further chat completions parameters, passed on as they are.
        operation: `chat`; `embeddings`, whose body is in OpenAI's shape; or `service`, which only `native` words.
        native: The caller's own wording, if it came in another dialect than OpenAI's.
        lost: What the translation of that wording left out; the answer's notes tell it, unless it went out as it was.
        terms: What may serve the caller, and how long it waits.
    """

    prompt: str = ""
    max_tokens: int | None = 1000
    temperature: float | None = 0.7
    metadata: Mapping[str, Any] | None = None
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    operation: str = "chat"
    native: Native | None = None
    lost: tuple[str, ...] = ()
    terms: Terms = field(default_factory=CURRENT.get)
    _chat: dict[str, Any] | None = None

    @classmethod
    def from_chat(cls, body: dict[str, Any]) -> Self:
        """Wrap a chat completions body as it came from a caller; the body is not copied and must not change."""
        return cls(
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            temperature=body.get("temperature"),
            messages=body.get("messages"),
            tools=body.get("tools"),
            tool_choice=body.get("tool_choice"),
            response_format=body.get("response_format"),
            _chat=body,
        )

    def chat(self) -> dict[str, Any]:
        """The request as a chat completions body without `model` and `stream`; treat it as read-only."""
        if self._chat is None:
            body: dict[str, Any] = {"messages": self.messages or [{"role": "user", "content": self.prompt}]}
            for name in ("max_tokens", "temperature", "tools", "tool_choice", "response_format"):
                value = getattr(self, name)
                if value is not None:
                    body[name] = value
            self._chat = {**body, **self.extra}
        return self._chat

    @classmethod
    def from_embeddings(cls, body: dict[str, Any]) -> Self:
        """Wrap an embeddings body as it came from a caller."""
        return cls(max_tokens=None, temperature=None, operation="embeddings", _chat=body)

    def wording_for(self, dialect: str) -> Any:
        """The caller's own body if a provider of this dialect can take it as it is, else None."""
        return self.native.body if self.native is not None and self.native.dialect == dialect else None

    @property
    def repeatable(self) -> bool:
        """Whether it may be asked twice. A service may charge a card; a model that is asked again only costs tokens."""
        native = self.native
        if self.operation != "service" or native is None:
            return True
        return native.method not in {"POST", "PATCH"} or "idempotency-key" in native.headers

    @property
    def wants_json(self) -> bool:
        """Whether the answer's text has to be a JSON document."""
        form = self.response_format
        return isinstance(form, dict) and form.get("type") in ("json_schema", "json_object")

    @property
    def demanded_call(self) -> str | None:
        """The tool that has to be called; empty if any has to be, None if none has to."""
        choice = self.tool_choice
        if choice == "required":
            return ""
        function = choice.get("function") if isinstance(choice, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) else None


@dataclass(slots=True)
class LLMResponse:
    """A provider's answer.

    Attributes:
        content: The text, or None if there are only tool calls.
        provider: Name of the provider that answered.
        tokens_used: Input and output together, 0 if the provider didn't say.
        latency_ms: From the call to the answer, failed attempts included.
        model: The model as the provider reported it.
        finish_reason: `stop`, `length`, `tool_calls` or `content_filter`.
        tool_calls: In OpenAI's shape.
        input_tokens: Everything read, cached tokens included.
        output_tokens: Everything written, reasoning included.
        cached_tokens: The part of `input_tokens` that came from the provider's cache.
        cache_write_tokens: The part of `input_tokens` that was put there, for however long.
        cache_write_1h_tokens: The part of that which stays for an hour.
        attempts: Attempts that this answer took, the good one included.
        notes: What was changed to fit the provider (`dropped seed`).
        metadata: The request's own.
        body: The answer as an OpenAI chat completion; of an embeddings request or a service, what they answer.
        native: The answer as the provider worded it, for a caller who speaks the same dialect (`LLMRequest.native`).
        status: The HTTP status of a service's answer.
    """

    content: str | None
    provider: str
    tokens_used: int = 0
    latency_ms: float = 0.0
    model: str = ""
    finish_reason: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    attempts: int = 1
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None
    body: dict[str, Any] = field(default_factory=dict)
    native: Any = None
    status: int = 200

    @property
    def refusal(self) -> str:
        """The words of a model that declines; empty if it doesn't."""
        choices = self.body.get("choices")
        message = choices[0].get("message") if isinstance(choices, list) and choices else None
        said = message.get("refusal") if isinstance(message, dict) else None
        return said if isinstance(said, str) else ""


def response_from_completion(body: dict[str, Any], provider: str, notes: tuple[str, ...] = ()) -> LLMResponse:
    """Read an OpenAI chat completion that has been validated; usage may be missing or incomplete."""
    choice = body["choices"][0]
    message = choice["message"]
    spent_in, spent_out, cached, written, written_1h = read_usage(body.get("usage"))
    return LLMResponse(
        content=message.get("content"),
        provider=provider,
        tokens_used=spent_in + spent_out,
        model=str(body.get("model") or ""),
        finish_reason=choice.get("finish_reason"),
        tool_calls=message.get("tool_calls"),
        input_tokens=spent_in,
        output_tokens=spent_out,
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=written_1h,
        notes=notes,
        body=body,
    )


Tokens = tuple[int, int, int, int, int]
"""Input, output; and of the input: cached, written into the cache, and the part of that which stays for an hour."""

NOTHING: Tokens = (0, 0, 0, 0, 0)


def read_usage(usage: Any) -> Tokens:
    """The counts of an OpenAI usage object; zeros for what is missing or no number.

    `cache_write_tokens` is OpenAI's own (SDK 3.51); of an hour's writing, which costs more, only Anthropic tells, and
    `cache_write_1h_tokens` is our word for it.
    """
    if not isinstance(usage, dict):
        return NOTHING
    spent_in, spent_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details")
    if not isinstance(details, dict):
        return spent_in, spent_out, 0, 0, 0
    written, written_1h = details.get("cache_write_tokens"), details.get("cache_write_1h_tokens")
    return spent_in, spent_out, _count(details.get("cached_tokens")), _count(written), _count(written_1h)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
