"""Mistral's SDK."""

from __future__ import annotations

from typing import Any

from mistralai.client import Mistral as Client
from mistralai.client.utils import BackoffStrategy, RetryConfig, retries

from .base import TIMEOUT_S, Player, settle

PATIENCE = BackoffStrategy(initial_interval=5000, max_interval=60_000, exponent=1.0, max_elapsed_time=9000)
"""Five seconds and a bit between tries, none begun after nine: three tries, as with a wait of seven seconds."""


class Mistral(Player):
    """The client as it is documented; it retries when it is told how to, and ends that by the clock alone."""

    clock = retries

    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None:
        told: Any = {"retry_config": RetryConfig("backoff", PATIENCE, retry_connection_errors=True)} if retrying else {}
        self._client = Client(api_key="k", server_url=root, timeout_ms=TIMEOUT_S * 1000, **told)
        self._suffix = "" if flavour == "sync" else "_async"

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        made = getattr(self._client.chat, ("stream" if stream else "complete") + self._suffix)
        answer = await settle(made(model="mistral-small-latest", messages=[{"role": "user", "content": "hello"}]))
        return await self.collect(answer) if stream else answer

    def status(self, error: Any) -> int | None:
        """The status that the SDK's exception tells."""
        status: int | None = getattr(error, "status_code", None)
        return status

    def says(self, error: Any) -> str | None:
        """Nothing: the SDK leaves a code in the body's text."""
        return None

    def sees(self, answer: Any) -> str:
        """Of a stream its tokens and its finish."""
        choices = [event.data.choices[0] for event in answer]
        tokens = sum(bool(choice.delta.content) for choice in choices)
        return f"{tokens} tokens, finish_reason {choices[-1].finish_reason}"

    async def close(self) -> None:
        """Nothing: the client closes itself when it is forgotten."""


PLAYER = Mistral
