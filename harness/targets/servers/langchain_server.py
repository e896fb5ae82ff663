"""LangChain's `with_fallbacks` over chat models, behind a chat-completions front."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from openai_front import App, Chunks, completion, serve, settings, usage_of

FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "stop_sequence": "stop"}


class Chain:
    """A chat model a provider, in order, and the chain of them for each kind of call."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._models = [make(each, told["timeout_s"], told["retries"]) for each in told["providers"]]

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """A completion."""
        answer = await self._chain(request).ainvoke(messages(request), max_tokens=request.get("max_tokens"))
        told: dict[str, Any] = {"content": answer.text or None}
        if answer.tool_calls or answer.invalid_tool_calls:
            told["tool_calls"] = [
                {
                    "id": each["id"],
                    "type": "function",
                    "function": {"name": each["name"], "arguments": as_text(each["args"])},
                }
                for each in (*answer.tool_calls, *answer.invalid_tool_calls)
            ]
        return completion(told, finish_of(answer) or "stop", model_of(answer), tokens_of(answer))

    async def stream(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """A completion's chunks."""
        chunks, model, usage = Chunks(), None, None
        options = {"max_tokens": request.get("max_tokens"), "stream_usage": True}
        async for piece in self._chain(request).astream(messages(request), **options):
            model = model_of(piece) or model
            usage = tokens_of(piece, usage)
            delta: dict[str, Any] = {"content": piece.text} if piece.text else {}
            if calls := piece.tool_call_chunks:
                delta["tool_calls"] = [call_chunk(each) for each in calls]
            finish = finish_of(piece)
            if delta or finish:
                yield chunks.delta(delta, model, finish)
        if usage:
            yield chunks.usage(usage, model)

    def _chain(self, request: dict[str, Any]) -> Any:
        models = [shaped(each, request) for each in self._models]
        return models[0].with_fallbacks(models[1:]) if models[1:] else models[0]


def make(provider: dict[str, Any], timeout_s: float, retries: int) -> Any:
    """The chat model of a provider."""
    common = {"model": provider["model"], "api_key": provider["key"], "timeout": timeout_s, "max_retries": retries}
    if provider["dialect"] == "anthropic":
        return ChatAnthropic(**common, base_url=provider["base_url"])
    return ChatOpenAI(**common, base_url=provider["base_url"])


def shaped(model: Any, request: dict[str, Any]) -> Any:
    """The model with the request's tools and form of answer."""
    if tools := request.get("tools"):
        choice = request.get("tool_choice")
        name = choice["function"]["name"] if isinstance(choice, dict) else choice
        return model.bind_tools(tools, tool_choice=name)
    if form := request.get("response_format"):
        return model.bind(response_format=form)
    return model


def messages(request: dict[str, Any]) -> list[Any]:
    """The conversation in LangChain's classes."""
    classes = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [classes[each["role"]](content=each["content"]) for each in request["messages"]]


def call_chunk(piece: Any) -> dict[str, Any]:
    """A piece of a tool call."""
    function = {
        key: value for key, value in (("name", piece["name"]), ("arguments", piece["args"])) if value is not None
    }
    identity = {"id": piece["id"], "type": "function"} if piece["id"] else {}
    return {"index": 0, **identity, "function": function}


def as_text(arguments: Any) -> str:
    """Arguments as chat completions carry them."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def finish_of(message: Any) -> str | None:
    """The finish reason in chat completions' words."""
    told = message.response_metadata
    reason = told.get("finish_reason") or told.get("stop_reason")
    return FINISH.get(reason, reason)


def model_of(message: Any) -> str | None:
    """The model that says it answered."""
    told = message.response_metadata
    name: str | None = told.get("model_name") or told.get("model")
    return name


def tokens_of(message: Any, before: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Token counts; a stream tells them in parts, which add up."""
    if not message.usage_metadata:
        return before
    counted = message.usage_metadata
    prompt = counted["input_tokens"] + (before["prompt_tokens"] if before else 0)
    return usage_of(prompt, counted["output_tokens"] + (before["completion_tokens"] if before else 0))


if __name__ == "__main__":
    told = settings()
    serve(App(Chain(told)), told["port"])
