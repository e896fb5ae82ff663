"""Amazon's SDK and Bedrock's InvokeModel, with the body of Anthropic's models."""

from __future__ import annotations

import json
from typing import Any

from .bedrock import Bedrock


class BedrockInvoke(Bedrock):
    """The client as it is documented."""

    async def ask(self, *, stream: bool) -> Any:
        """The answer to "hello", or the list of what its stream yields."""
        asking: Any = {
            "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "body": json.dumps(
                {
                    "anthropic_version": "bedrock-2023-05-31",
                    "max_tokens": 50,
                    "messages": [{"role": "user", "content": "hello"}],
                }
            ),
        }
        if stream:
            return await self.collect(self._client.invoke_model_with_response_stream(**asking)["body"])
        return json.loads(self._client.invoke_model(**asking)["body"].read())


PLAYER = BedrockInvoke
