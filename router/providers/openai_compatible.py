"""Any server that speaks like OpenAI: vLLM, a gateway, a vendor without a file of its own."""

from __future__ import annotations

from .openai import OpenAIProvider


class OpenAICompatibleProvider(OpenAIProvider):
    """Chat completions at `base_url`, which has no default. Options: as for OpenAI."""

    dialect = "openai_compatible"
    default_url = ""
    default_model = "default"


PROVIDER = OpenAICompatibleProvider
