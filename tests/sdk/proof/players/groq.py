"""Groq's SDK."""

from __future__ import annotations

from typing import Any

import groq

from .stainless import Chat


class Groq(Chat):
    """The client as it is documented."""

    makers = (groq.Groq, groq.AsyncGroq)
    model = "openai/gpt-oss-120b"

    def says(self, error: Any) -> str | None:
        """The code in the body, which the SDK leaves there; an error inside a stream has its own object alone."""
        body = getattr(error, "body", None)
        body = body if isinstance(body, dict) else {}
        code = body.get("error", body).get("code")
        return None if code is None else str(code)


PLAYER = Groq
