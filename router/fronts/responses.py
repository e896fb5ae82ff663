"""`POST /v1/responses`, as OpenAI's SDKs call it; every provider answers it, through chat completions."""

from __future__ import annotations

from ..messages import LLMRequest
from .base import Asked, Front, Reading, read_object
from .chat import check_messages
from .read_responses import chat_from
from .write_responses import ResponsesWriter, response_from


class ResponsesFront(Front):
    """The Responses API, as far as it needs no state and no tools of the vendor's."""

    path = "/v1/responses"

    def read(self, asked: Asked) -> Reading:
        """Translate the caller's body.

        Raises:
            RequestRejected: It isn't JSON, or asks for what needs stored state.
        """
        body = read_object(asked.body)
        chat, lost = chat_from(body)
        check_messages(chat)
        request = LLMRequest.from_chat(chat)
        request.lost = lost
        return Reading(
            request,
            bool(body.get("stream")),
            lambda response: response_from(body, response),
            lambda: ResponsesWriter(body),
        )


FRONT = ResponsesFront()
