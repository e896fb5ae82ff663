"""OpenAI's SDK pointed at OpenRouter."""

from __future__ import annotations

from .openai_chat import OpenAIChat


class OpenRouter(OpenAIChat):
    """The client as OpenRouter documents it."""

    path = "/api/v1"
    has_request_ids = False
    model = "openai/gpt-5.4-mini"


PLAYER = OpenRouter
