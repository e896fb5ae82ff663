"""pydantic-ai's `FallbackModel`, called through its direct API, behind a chat-completions front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from openai_front import App, Chunks, completion, serve, settings, usage_of
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

FINISH = {"stop": "stop", "length": "length", "tool_call": "tool_calls", "content_filter": "content_filter"}


class Fallback:
    """A model a provider, in order, as one `FallbackModel`."""

    def __init__(self, told: dict[str, Any]) -> None:
        models = [make(each, told["timeout_s"], told["retries"]) for each in told["providers"]]
        self._model = FallbackModel(*models)

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """A completion."""
        answer = await model_request(self._model, conversation(request), **asked(request))
        text = "".join(part.content for part in answer.parts if isinstance(part, TextPart))
        told: dict[str, Any] = {"content": text or None}
        if calls := [part for part in answer.parts if isinstance(part, ToolCallPart)]:
            told["tool_calls"] = [
                {
                    "id": each.tool_call_id,
                    "type": "function",
                    "function": {"name": each.tool_name, "arguments": each.args_as_json_str()},
                }
                for each in calls
            ]
        usage = usage_of(answer.usage.input_tokens, answer.usage.output_tokens)
        return completion(told, FINISH.get(answer.finish_reason, "stop"), answer.model_name, usage)

    async def stream(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """A completion's chunks. The library's stream is entered, read and left by one task: the caller of this."""
        chunks = Chunks()
        async with model_request_stream(self._model, conversation(request), **asked(request)) as answer:
            async for event in answer:
                if delta := piece_of(event):
                    yield chunks.delta(delta, answer.model_name)
            whole = answer.get()
            yield chunks.delta({}, answer.model_name, FINISH.get(whole.finish_reason, "stop"))
            used = answer.usage() if callable(answer.usage) else answer.usage
            yield chunks.usage(usage_of(used.input_tokens, used.output_tokens), answer.model_name)


def make(provider: dict[str, Any], timeout_s: float, retries: int) -> Any:
    """The model of a provider."""
    common = {
        "api_key": provider["key"],
        "base_url": provider["base_url"],
        "timeout": timeout_s,
        "max_retries": retries,
    }
    if provider["dialect"] == "anthropic":
        return AnthropicModel(provider["model"], provider=AnthropicProvider(anthropic_client=AsyncAnthropic(**common)))
    return OpenAIChatModel(provider["model"], provider=OpenAIProvider(openai_client=AsyncOpenAI(**common)))


def conversation(request: dict[str, Any]) -> list[Any]:
    """The messages in pydantic-ai's classes; callers send a system and a user message."""
    classes = {"system": SystemPromptPart, "user": UserPromptPart}
    return [ModelRequest(parts=[classes[each["role"]](content=each["content"]) for each in request["messages"]])]


def asked(request: dict[str, Any]) -> dict[str, Any]:
    """The request's limit, tools and form of answer."""
    parameters = ModelRequestParameters()
    if tools := request.get("tools"):
        functions = [each["function"] for each in tools]
        parameters = ModelRequestParameters(
            function_tools=[
                ToolDefinition(
                    name=each["name"],
                    description=each.get("description"),
                    parameters_json_schema=each["parameters"],
                )
                for each in functions
            ],
            allow_text_output=False,
        )
    elif form := request.get("response_format"):
        schema = form["json_schema"]
        wanted = OutputObjectDefinition(json_schema=schema["schema"], name=schema["name"], strict=schema.get("strict"))
        parameters = ModelRequestParameters(output_mode="native", output_object=wanted)
    told: dict[str, Any] = {"model_request_parameters": parameters}
    if limit := request.get("max_tokens"):
        told["model_settings"] = {"max_tokens": limit}
    return told


def piece_of(event: Any) -> dict[str, Any]:
    """The delta that an event of the stream amounts to; empty if it holds nothing that callers see."""
    if isinstance(event, PartStartEvent):
        return start_of(event.part)
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return {"content": event.delta.content_delta}
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, ToolCallPartDelta):
        arguments = event.delta.args_delta
        return call_piece({"arguments": arguments}) if isinstance(arguments, str) else {}
    return {}


def start_of(part: Any) -> dict[str, Any]:
    """The delta of a part that begins."""
    if isinstance(part, TextPart):
        return {"content": part.content} if part.content else {}
    if isinstance(part, ToolCallPart):
        arguments = part.args if isinstance(part.args, str) else part.args_as_json_str() if part.args else ""
        return call_piece({"name": part.tool_name, "arguments": arguments}, part.tool_call_id)
    return {}


def call_piece(function: dict[str, Any], identity: str | None = None) -> dict[str, Any]:
    """A piece of the one tool call."""
    head = {"id": identity, "type": "function"} if identity else {}
    return {"tool_calls": [{"index": 0, **head, "function": function}]}


if __name__ == "__main__":
    told = settings()
    serve(App(Fallback(told)), told["port"])
