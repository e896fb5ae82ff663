"""From a chat completions body to Gemini's `generateContent`.

What the other API can't express is dropped and noted. Its schemas are a subset of JSON Schema, so what they don't know
is left out; `responseJsonSchema` and `parametersJsonSchema`, which take the whole, are newer than some models.
"""

from __future__ import annotations

from typing import Any

import orjson

from .errors import Meaning, fail
from .messages import LLMRequest
from .read_chat import ALWAYS_READ, read_chat, stops

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
}
_READ = ALWAYS_READ | _NUMBERS.keys() | {"logprobs", "top_logprobs"}
SIGNATURE = "skip_thought_signature_validator"
"""What Google's documentation on thought signatures says to send with calls that another vendor's model made."""


def to_gemini(request: LLMRequest) -> tuple[dict[str, Any], list[str]]:
    """Translate a request.

    Returns:
        The body, and notes on what was changed.

    Raises:
        AttemptFailed: Meaning `unfit`, if the request can't be expressed.
    """
    chat, notes = read_chat(request, _READ)
    system, contents = _contents(chat.get("messages") or [])
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    settings = _settings(chat, request)
    if settings:
        body["generationConfig"] = settings
    _tools(chat, body)
    return body, notes


def _settings(chat: dict[str, Any], request: LLMRequest) -> dict[str, Any]:
    settings: dict[str, Any] = {here: chat[name] for name, here in _NUMBERS.items() if chat.get(name) is not None}
    limit = chat.get("max_completion_tokens") or chat.get("max_tokens")
    if limit is not None:
        settings["maxOutputTokens"] = limit
    stop = stops(chat)
    if stop:
        settings["stopSequences"] = stop
    if chat.get("logprobs"):
        settings["responseLogprobs"] = True
        if chat.get("top_logprobs"):
            settings["logprobs"] = chat["top_logprobs"]
    if request.wants_json:
        settings["responseMimeType"] = "application/json"
        schema = ((request.response_format or {}).get("json_schema") or {}).get("schema")
        if schema:
            settings["responseJsonSchema"] = schema
    return settings


def _tools(chat: dict[str, Any], body: dict[str, Any]) -> None:
    declared = [_declared(tool) for tool in chat.get("tools") or ()]
    if not declared:
        return
    body["tools"] = [{"functionDeclarations": declared}]
    choice = chat.get("tool_choice")
    mode: dict[str, Any] | None = None
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name", "")
        mode = {"mode": "ANY", "allowedFunctionNames": [name]}
    elif choice in {"auto", "none", "required"}:
        mode = {"mode": {"auto": "AUTO", "none": "NONE", "required": "ANY"}[choice]}
    if mode:
        body["toolConfig"] = {"functionCallingConfig": mode}


def _declared(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function") if tool.get("type", "function") == "function" else None
    if not isinstance(function, dict) or "name" not in function:
        raise fail(Meaning.UNFIT, "unsupported_parameter", f"a tool of type {tool.get('type')!r} can't be translated")
    made: dict[str, Any] = {"name": function["name"], "description": function.get("description") or function["name"]}
    if function.get("parameters"):
        made["parametersJsonSchema"] = function["parameters"]
    return made


def _contents(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in messages:
        role = message.get("role")
        if role in {"system", "developer"}:
            system += _parts(message.get("content"))
        elif role == "assistant":
            _append(turns, "model", _parts(message.get("content")) + _calls(message, names))
        elif role == "tool":
            _append(turns, "user", [_result(message, names)])
        else:
            _append(turns, "user", _parts(message.get("content")))
    return system, turns


def _append(turns: list[dict[str, Any]], role: str, parts: list[dict[str, Any]]) -> None:
    if not parts:
        return  # an empty `parts` is a 400
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"] += parts
    else:
        turns.append({"role": role, "parts": parts})


def _calls(message: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        try:
            arguments = orjson.loads(function.get("arguments") or "{}")
        except orjson.JSONDecodeError:
            arguments = {"arguments": function.get("arguments")}
        name = function.get("name", "")
        names[call.get("id", "")] = name
        # Only the first call of a turn carries a signature, says Google's documentation.
        signed = {} if parts else {"thoughtSignature": call.get("thought_signature") or SIGNATURE}
        parts.append({"functionCall": {"name": name, "args": arguments}, **signed})
    return parts


def _result(message: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    said = message.get("content")
    text = said if isinstance(said, str) else "".join(part.get("text", "") for part in _parts(said))
    try:
        result = orjson.loads(text)
    except orjson.JSONDecodeError:
        result = text
    name = names.get(message.get("tool_call_id", "")) or message.get("name") or "tool"
    return {"functionResponse": {"name": name, "response": result if isinstance(result, dict) else {"result": result}}}


def _parts(content: Any) -> list[dict[str, Any]]:
    if not content:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    parts: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type")
        if kind in {"text", "refusal"}:
            text = part.get("text") or part.get("refusal")
            if text:
                parts.append({"text": text})
        elif kind == "image_url":
            parts.append(_media((part.get("image_url") or {}).get("url", "")))
        elif kind == "input_audio":
            audio = part.get("input_audio") or {}
            parts.append(
                {"inlineData": {"mimeType": f"audio/{audio.get('format', 'wav')}", "data": audio.get("data", "")}}
            )
        else:
            raise fail(Meaning.UNFIT, "unsupported_parameter", f"content of type {kind!r} can't be translated")
    return parts


def _media(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"fileData": {"fileUri": url}}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"inlineData": {"mimeType": kind, "data": data}}
