"""OpenRouter: OpenAI's dialect; an error after the first token is a part of a 200."""

from __future__ import annotations

from .openai import OpenAIProvider


class OpenRouterProvider(OpenAIProvider):
    """Chat completions at OpenRouter. Options: as for OpenAI.

    Its comments in streams (`: OPENROUTER PROCESSING`) carry no event, so they count as silence.
    """

    dialect = "openrouter"
    default_url = "https://openrouter.ai/api/v1"
    default_model = "openai/gpt-5.4-mini"


PROVIDER = OpenRouterProvider
