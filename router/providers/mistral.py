"""Mistral: OpenAI's dialect with other names, a narrower temperature, ids of nine letters, and content in parts."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from ..messages import Chunk, LLMRequest, LLMResponse
from ..stream_reader import StreamReader
from .openai import ChunkReader, OpenAIProvider

TEMPERATURE_MAX = 1.5
_ID_CHARS = 9
_FINISH = {"model_length": "length"}


class MistralProvider(OpenAIProvider):
    """Chat completions at Mistral, which counts a stream's tokens unasked. Options: as for OpenAI."""

    dialect = "mistral"
    default_url = "https://api.mistral.ai/v1"
    default_model = "mistral-large-latest"
    asks_for_usage = False
    drops: ClassVar[tuple[str, ...]] = (
        "logprobs", "top_logprobs", "logit_bias", "user", "store", "service_tier", "reasoning_effort", "modalities",
        "verbosity",
    )  # fmt: skip
    """Fields that its API refuses as extra inputs."""
    renames: ClassVar[dict[str, str]] = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}

    def adapt(self, body: dict[str, Any], notes: list[str]) -> None:
        """Names, ranges and ids as Mistral has them."""
        super().adapt(body, notes)
        temperature = body.get("temperature")
        if isinstance(temperature, int | float) and temperature > TEMPERATURE_MAX:
            body["temperature"] = TEMPERATURE_MAX
            notes.append(f"temperature clamped to {TEMPERATURE_MAX:g}")
        if body.get("tool_choice") == "required":
            body["tool_choice"] = "any"
        body["messages"] = [_message(message) for message in body.get("messages") or ()]
        last = body["messages"][-1] if body["messages"] else {}
        if last.get("role") == "assistant" and last.get("content") and not last.get("tool_calls"):
            last["prefix"] = True  # without it an assistant's message at the end is a 400

    def read_answer(self, payload: dict[str, Any], request: LLMRequest, notes: tuple[str, ...]) -> LLMResponse:
        """The completion with its content as one text."""
        for choice in payload.get("choices") or ():
            if isinstance(choice, dict):
                _plain(choice, choice.get("message"))
        return super().read_answer(payload, request, notes)

    def stream_reader(self, request: LLMRequest) -> StreamReader:  # noqa: ARG002 - other dialects need it
        """Reads chunks until `[DONE]`."""
        return _Reader(self.in_stream)


class _Reader(ChunkReader):
    def error_of(self, chunk: dict[str, Any]) -> Any:
        # Five bodies in one API: an error may stand there without being called one.
        if chunk.get("object") == "error" or ("choices" not in chunk and ("detail" in chunk or "message" in chunk)):
            return chunk
        return super().error_of(chunk)

    def adapted(self, chunk: Chunk) -> Chunk:
        for choice in chunk.get("choices") or ():
            if isinstance(choice, dict):
                _plain(choice, choice.get("delta"))
        return chunk


def _plain(choice: dict[str, Any], said: Any) -> None:
    """Content as one text: its thinking, which comes in parts since 2025 (vercel/ai#8012), goes beside it."""
    finish = choice.get("finish_reason")
    if finish in _FINISH:
        choice |= {"finish_reason": _FINISH[finish], "native_finish_reason": finish}
    if not isinstance(said, dict) or not isinstance(said.get("content"), list):
        return
    parts = [part for part in said["content"] if isinstance(part, dict)]
    thoughts = "".join(_text(part.get("thinking")) for part in parts if part.get("type") == "thinking")
    said["content"] = "".join(_text(part.get("text")) for part in parts if part.get("type") == "text")
    if thoughts:
        said["reasoning_content"] = thoughts


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose ids Mistral takes: exactly nine letters and digits, the same for call and result."""
    message = {name: value for name, value in message.items() if name not in {"refusal", "annotations", "audio"}}
    if message.get("tool_call_id"):
        message["tool_call_id"] = _id(message["tool_call_id"])
    if message.get("tool_calls"):
        message["tool_calls"] = [{**call, "id": _id(call.get("id", ""))} for call in message["tool_calls"]]
    if message.get("role") == "developer":
        message["role"] = "system"
    return message


def _id(given: str) -> str:
    if len(given) == _ID_CHARS and given.isascii() and given.isalnum():
        return given
    return hashlib.sha256(given.encode()).hexdigest()[:_ID_CHARS]


PROVIDER = MistralProvider
