"""Groq: OpenAI's dialect with a second place for errors and counts, `x_groq`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..messages import Chunk, LLMRequest
from ..stream_reader import StreamReader
from .openai import ChunkReader, OpenAIProvider


class GroqProvider(OpenAIProvider):
    """Chat completions at Groq. Options: as for OpenAI."""

    dialect = "groq"
    default_url = "https://api.groq.com/openai/v1"
    default_model = "openai/gpt-oss-120b"
    drops: ClassVar[tuple[str, ...]] = ("logprobs", "top_logprobs", "logit_bias")
    """Each is a 400 here (console.groq.com/docs/openai)."""

    def stream_reader(self, request: LLMRequest) -> StreamReader:  # noqa: ARG002 - other dialects need it
        """Reads chunks until `[DONE]`."""
        return _Reader(self.in_stream)


class _Reader(ChunkReader):
    def error_of(self, chunk: dict[str, Any]) -> Any:
        beside = chunk.get("x_groq")
        if isinstance(beside, dict) and beside.get("error"):
            return beside
        return super().error_of(chunk)

    def adapted(self, chunk: Chunk) -> Chunk:
        beside = chunk.get("x_groq")
        if isinstance(beside, dict) and beside.get("usage") and not chunk.get("usage"):
            chunk["usage"] = beside["usage"]
        return chunk


PROVIDER = GroqProvider
