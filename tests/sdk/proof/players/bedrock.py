"""Amazon's SDK and Bedrock. It has no asynchronous flavour."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from .base import TIMEOUT_S, Player


class Bedrock(Player):
    """The client as it is documented; it retries by itself."""

    flavours = ("sync",)
    has_request_ids = True

    def __init__(self, root: str, flavour: str, *, retrying: bool) -> None:
        self._client: Any = boto3.session.Session().client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=root,
            config=Config(read_timeout=TIMEOUT_S),
            aws_access_key_id="AKIABANSTORMBANSTORM",
            aws_secret_access_key="x",
        )

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        asking: Any = {
            "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        }
        if stream:
            return await self.collect(self._client.converse_stream(**asking)["stream"])
        return self._client.converse(**asking)

    def status(self, error: Any) -> int | None:
        """The status of the response, which an error inside a stream doesn't tell."""
        status: int | None = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status

    def says(self, error: Any) -> str | None:
        """The exception's name on the wire."""
        code: str | None = getattr(error, "response", {}).get("Error", {}).get("Code")
        return code

    def sees(self, answer: Any) -> str:
        """Why it stopped; of a stream its tokens and its last event."""
        if not isinstance(answer, list):
            return f"stopReason {answer['stopReason']}"
        names = [name for event in answer for name in event]
        return f"{names.count('contentBlockDelta')} tokens, last event {names[-1]}"

    def request_id(self, error: Any) -> str | None:
        """The vendor's id of the request."""
        found: str | None = error.response["ResponseMetadata"].get("RequestId")
        return found

    async def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


PLAYER = Bedrock
