"""Unspoilt answers in every form that a vendor has, and what a fault makes of them, without any host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from banstorm.fakes import dialects
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects.base import Answer, Ask, Dialect
from banstorm.harness import faults
from banstorm.harness.faults.base import Context
from banstorm.harness.faults.plan import Body
from banstorm.harness.faults.tokens import payload_of

WORDS = 6
MARK = Mark("7f3a9c", 12, Shape.TEXT, WORDS)
_USER = [{"role": "user", "content": MARK.render()}]
_CHAT: dict[str, Any] = {"model": "m", "messages": _USER}
_GEMINI = {"contents": [{"role": "user", "parts": [{"text": MARK.render()}]}]}
_CONVERSE = {"messages": [{"role": "user", "content": [{"text": MARK.render()}]}]}
_MESSAGES = {"max_tokens": 100, "messages": _USER}
_RESPONSES = {"model": "m", "input": MARK.render()}
_AZURE = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
_STREAMED = {"stream": True}
_USAGE = {"stream_options": {"include_usage": True}}
FORMS: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any]]] = {
    # form: dialect, path and body of a plain request, path and body of a streamed one
    "anthropic": ("anthropic", "/v1/messages", {"model": "m", **_MESSAGES}, "", _STREAMED),
    "azure": ("azure", _AZURE, _CHAT, "", _STREAMED | _USAGE),
    "bedrock converse": ("bedrock", "/model/m/converse", _CONVERSE, "/model/m/converse-stream", {}),
    "bedrock invoke": (
        "bedrock",
        "/model/anthropic.claude-sonnet-5/invoke",
        {"anthropic_version": "bedrock-2023-05-31", **_MESSAGES},
        "/model/anthropic.claude-sonnet-5/invoke-with-response-stream",
        {},
    ),
    "cohere": ("cohere", "/v2/chat", _CHAT, "", _STREAMED),
    "gemini array": ("gemini", "/v1/models/m:generateContent", _GEMINI, "/v1/models/m:streamGenerateContent", {}),
    "gemini": ("gemini", "/v1/models/m:generateContent", _GEMINI, "/v1/models/m:streamGenerateContent?alt=sse", {}),
    "groq": ("groq", "/openai/v1/chat/completions", _CHAT, "", _STREAMED | _USAGE),
    "mistral": ("mistral", "/v1/chat/completions", _CHAT, "", _STREAMED),
    "openai": ("openai", "/v1/chat/completions", _CHAT, "", _STREAMED | _USAGE),
    "openai responses": ("openai", "/v1/responses", _RESPONSES, "", _STREAMED),
    "openrouter": ("openrouter", "/api/v1/chat/completions", _CHAT, "", _STREAMED),
}
"""Every form of an answer: a vendor's, or one of several that it has."""


@dataclass(frozen=True)
class Unspoilt:
    """An answer as the vendor gives it: headers, and the events of a stream or the one piece of a plain body."""

    dialect: Dialect
    ask: Ask
    answer: Answer
    headers: list[tuple[str, str]]
    pieces: list[bytes]

    @property
    def context(self) -> Context:
        """The request that it answers."""
        return Context(self.dialect, "acme", self.ask, id_seed=7, body_bytes=1000)

    @property
    def streamed(self) -> bool:
        """Whether it is a stream."""
        return self.dialect.is_stream(self.headers)

    def payload(self, event: bytes) -> Any:
        """An event's payload."""
        return payload_of(self.dialect, event)


def unspoilt(form: str, *, stream: bool = True) -> Unspoilt:
    """An answer of six words in one of `FORMS`."""
    name, path, body, stream_path, more = FORMS[form]
    dialect = dialects.find(name)
    headers = {"authorization": f"Bearer {dialect.key_example}", "x-goog-api-key": dialect.key_example}
    headers |= {"x-api-key": dialect.key_example, "api-key": dialect.key_example, "anthropic-version": "2023-06-01"}
    path, body = ((stream_path or path), body | more) if stream else (path, body)
    ask = dialect.read("POST", path, headers, json.dumps(body).encode())
    answer = compose(ask, "acme", id_seed=7, created_s=0)
    if not stream:
        reply = dialect.write(ask, answer)
        return Unspoilt(dialect, ask, answer, reply.headers, [reply.body])
    _, sent = dialect.stream_head(ask, answer)
    events = [event.data for event in dialect.stream(ask, answer) if event.data]
    return Unspoilt(dialect, ask, answer, sent, events)


def spoil(answer: Unspoilt, name: str, **parameters: Any) -> tuple[list[Any], int]:
    """The steps that an answer becomes, byte by byte through a plan's body, and how often the fault bit."""
    fault, bites = faults.find(name).model_validate(parameters), []
    body_filter = fault.body_filter(answer.context, 200, answer.headers)
    if body_filter is None:
        return list(answer.pieces), 0
    dialect = answer.dialect if answer.streamed else None
    body = Body([(body_filter, lambda: bites.append(1))], dialect, paced=fault.paced)
    return [step for piece in answer.pieces for step in body.feed(piece)] + body.close(), len(bites)


def text(steps: Sequence[Any]) -> bytes:
    """The bytes among steps."""
    return b"".join(step for step in steps if isinstance(step, bytes))
