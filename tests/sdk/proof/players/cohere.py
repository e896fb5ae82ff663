"""Cohere's SDK."""

from __future__ import annotations

from typing import Any

import cohere
import httpx

from .base import TIMEOUT_S, Player, settle


class Cohere(Player):
    """The client as it is documented; it retries by itself."""

    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None:
        maker: Any = cohere.ClientV2 if flavour == "sync" else cohere.AsyncClientV2
        self._wire: Any = (httpx.Client if flavour == "sync" else httpx.AsyncClient)(timeout=TIMEOUT_S)
        self._client = maker(api_key="k", base_url=root, httpx_client=self._wire)

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        asking: Any = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "hello"}]}
        if stream:
            return await self.collect(self._client.chat_stream(**asking))
        return await settle(self._client.chat(**asking))

    def status(self, error: Any) -> int | None:
        """The status that the SDK's exception tells."""
        status: int | None = getattr(error, "status_code", None)
        return status

    def says(self, error: Any) -> str | None:
        """Nothing: the vendor's errors have no code."""
        return None

    def sees(self, answer: Any) -> str:
        """How it finished; of a stream its tokens and its last event as well."""
        if not isinstance(answer, list):
            return f"finish_reason {answer.finish_reason}"
        tokens = sum(event.type == "content-delta" for event in answer)
        last = answer[-1]
        finish = f", finish_reason {last.delta.finish_reason}" if last.type == "message-end" else ""
        return f"{tokens} tokens, last event {last.type}{finish}"

    async def close(self) -> None:
        """Close the client's connections."""
        await settle(self._wire.close() if isinstance(self._wire, httpx.Client) else self._wire.aclose())


PLAYER = Cohere
