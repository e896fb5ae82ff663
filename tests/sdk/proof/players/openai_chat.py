"""OpenAI's SDK and chat completions."""

from __future__ import annotations

import openai

from .stainless import Chat


class OpenAIChat(Chat):
    """The client as it is documented."""

    makers = (openai.OpenAI, openai.AsyncOpenAI)
    path = "/v1"
    has_request_ids = True


PLAYER = OpenAIChat
