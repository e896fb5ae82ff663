"""Requests near the right ones: every route of every dialect, and what may be wrong with a request to it."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects._routes import RoutedDialect

DEPTHS: Final = (3, 60, 200, 300, 900, 1_100)
"""Levels of nesting: around the vendors' own limits, around orjson's (254) and around the interpreter's (1,000)."""
MANY_LETTERS_MAX: Final = 100_000
"""About how long a value repeated many times gets, in letters."""
HEADERS: Final = {
    "authorization": "Bearer sk-banstorm-0",
    "x-api-key": "sk-ant-api03-banstorm",
    "x-goog-api-key": "AIza-banstorm",
    "api-key": "banstorm",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}, "minItems": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
_FUNCTION: Final = {"type": "function", "function": {"name": "f", "description": "d", "parameters": _SCHEMA}}
_CALL: Final = {"id": "call_12345", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_CHAT: Final[dict[str, Any]] = {
    "model": "gpt-5.4-mini",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Which city?"}]},
        {"role": "assistant", "content": "", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_12345", "content": "Paris"},
        {"role": "user", "content": "And for how long?"},
    ],
    "max_tokens": 40,
    "stop": ["###"],
    "stream": False,
}
_TURNS: Final[list[dict[str, Any]]] = [
    {"role": "user", "content": [{"type": "text", "text": "Which city?"}]},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Paris"}]},
]
_ANTHROPIC: Final[dict[str, Any]] = {
    "model": "claude-sonnet-5",
    "max_tokens": 4_000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": _TURNS,
    "tools": [{"name": "f", "input_schema": _SCHEMA}],
    "tool_choice": {"type": "auto"},
    "stop_sequences": ["###"],
    "thinking": {"type": "disabled"},
}
_GEMINI: Final[dict[str, Any]] = {
    "contents": [
        {"role": "user", "parts": [{"text": "Which city?"}]},
        {"role": "model", "parts": [{"text": "Paris"}]},
        {"role": "user", "parts": [{"text": "For how long?"}, {"inlineData": {"mimeType": "image/png", "data": "aa"}}]},
    ],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "generationConfig": {"maxOutputTokens": 40, "responseMimeType": "application/json", "responseSchema": _SCHEMA},
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": _SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
}
_BEDROCK: Final[dict[str, Any]] = {
    "messages": [
        {"role": "user", "content": [{"text": "Which city?"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "Paris"}]}}]},
    ],
    "system": [{"text": "Be brief."}],
    "inferenceConfig": {"maxTokens": 40, "stopSequences": ["###"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": _SCHEMA}}}],
        "toolChoice": {"auto": {}},
    },
}
_INVOKE: Final = {**_ANTHROPIC, "anthropic_version": "bedrock-2023-05-31"}
_INVOKE.pop("model")
_STREAMS: Final = {"stream": True}

BODIES: Final[tuple[tuple[str, list[dict[str, Any]]], ...]] = (
    ("bedrock .*/converse", [_BEDROCK]),
    ("bedrock .*/count-tokens", [{"input": {"converse": _BEDROCK}}]),
    ("bedrock .*/invoke", [_INVOKE]),
    (
        "cohere .*/v2/chat",
        [
            {**_CHAT, "model": "command-a-03-2025", "stop": None},
            {**_CHAT, "stream": True, "tools": [_FUNCTION], "tool_choice": "REQUIRED"},
            {**_CHAT, "response_format": {"type": "json_object", "json_schema": _SCHEMA}},
        ],
    ),
    ("cohere .*/embed", [{"model": "embed-v4.0", "texts": ["a"], "input_type": "search_query"}]),
    ("gemini .*:(streamG|g)enerateContent", [_GEMINI]),
    ("gemini .*:countTokens", [{"contents": _GEMINI["contents"]}]),
    ("gemini .*:embedContent", [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}]),
    ("gemini .*:batchEmbedContents", [{"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}]}]),
    (
        "anthropic .*/messages$",
        [
            _ANTHROPIC,
            _ANTHROPIC | _STREAMS,
            _ANTHROPIC | {"messages": _TURNS[:1], "thinking": {"type": "enabled", "budget_tokens": 2_000}},
        ],
    ),
    ("anthropic .*/count_tokens", [{name: _ANTHROPIC[name] for name in ("model", "system", "messages", "tools")}]),
    (
        ".*/chat/completions",
        [
            {**_CHAT, "tools": [_FUNCTION], "tool_choice": "auto"},
            {**_CHAT, "stream": True, "tools": [_FUNCTION]},
            {**_CHAT, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": _SCHEMA}}},
        ],
    ),
    (
        ".*/responses",
        [
            {
                "model": "gpt-5.4-mini",
                "input": [{"role": "user", "content": [{"type": "input_text", "text": "Which city?"}]}],
                "instructions": "Be brief.",
                "max_output_tokens": 40,
                "text": {"format": {"type": "json_schema", "name": "x", "schema": _SCHEMA}},
            },
            {
                "model": "gpt-5.4-mini",
                "input": "Which city?",
                "stream": True,
                "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA}],
            },
        ],
    ),
    (".*/embeddings", [{"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}]),
)
"""Right bodies, by a pattern of dialect and path; a path without one is asked without a body's help."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: `target` is the request line's, with its query."""

    dialect: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@cache
def right_requests(name: str) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Method, target and body of right requests to every route of a dialect."""
    dialect = find(name)
    assert isinstance(dialect, RoutedDialect)
    query = {"azure": "?api-version=2024-10-21"}.get(name, "")
    found: list[tuple[str, str, dict[str, Any] | None]] = []
    for path in dialect.routes.paths:
        target = path.replace("{}", "anthropic.claude-sonnet-5" if name == "bedrock" else "m")
        bodies = next((bodies for pattern, bodies in BODIES if re.match(pattern, f"{name} {path}")), [{}])
        for route, _ in dialect.routes.match(target):
            if route.path != path:
                continue
            found += [(route.method, target + query, body) for body in (bodies if route.method == "POST" else [None])]
            if "streamGenerateContent" in path:
                found.append((route.method, target + "?alt=sse", bodies[0]))
    return found


def vendors() -> list[str]:
    """The dialects of vendors; what a user's own file makes of `http_service` is no vendor's."""
    return [name for name in names() if name != "http_service"]


class Raw(str):
    """JSON text that goes out as it is."""

    __slots__ = ()


def written(value: Any) -> str:
    """JSON text, with whatever `Raw` texts it holds."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def _nested(chance: random.Random, value: Any) -> Raw:
    depth = chance.choice(DEPTHS)
    before, after = chance.choice([("[", "]"), ('{"a":', "}"), ('{"content":[', "]}"), ('{"items":', "}")])
    return Raw(before * depth + written(value) + after * depth)


def _twice(chance: random.Random, value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        return Raw(written(value) + "," + written(value))
    key = chance.choice(list(value))
    more = f"{json.dumps(key)}:{written(_any_value(chance, value[key]))}"
    return Raw(written(value)[:-1] + "," + more + "}")


def _many(chance: random.Random, value: Any) -> Raw:
    text = written(value)
    times = min(chance.choice([1, 2, 300]), 1 + MANY_LETTERS_MAX // len(text))
    if chance.random() < 0.5:
        return Raw("[" + ",".join([text] * times) + "]")
    return Raw("{" + ",".join(f'"{place}":{text}' for place in range(times)) + "}")


_TEXTS: Final = (
    Raw('"\\ud800"'),
    Raw('"a\\udfff\\u0000b"'),
    Raw('"\\uD83D\\uDE00 \u202e \ufeff"'),
    "",
    " ",
    "~" * 50,
    "x" * 60_000,
    "user",
    "json_schema",
    "{{{}}}",
    "%s%n{0}{message}",
    "../../etc/passwd",
)
_NUMBERS: Final = (
    Raw("1" * 400),
    Raw("-" + "9" * 25),
    Raw("1e400"),
    Raw("1e308"),
    Raw("-0.0"),
    Raw("0.1"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw("0x10"),
    -1,
    0,
    2**31,
    2**53,
    2**63,
    2**64,
)


def _any_value(chance: random.Random, value: Any) -> Any:
    """Something in the place of `value`."""
    simple = [None, True, False, [], {}, [[]], [{}], [None], {"type": "text"}, {"": None}, {"type": None}]
    return chance.choice(
        [
            lambda: chance.choice(simple),
            lambda: chance.choice(_TEXTS),
            lambda: chance.choice(_NUMBERS),
            lambda: _nested(chance, value),
            lambda: _twice(chance, value),
            lambda: _many(chance, value),
            lambda: {"a": value},
        ]
    )()


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every container of the document with one of its keys or indices."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        container = waiting.pop()
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
    return found


def _edited(chance: random.Random, document: Any) -> Any:
    """A copy of the document with up to three things wrong in it."""
    document = copy.deepcopy(document)
    for _ in range(chance.randint(0, 3)):
        places = _places(document)
        if not places:
            return _any_value(chance, document)
        container, key = chance.choice(places)
        match chance.randint(0, 5):
            case 0:
                del container[key]
            case 1 if isinstance(container, dict):
                container[str(key).upper()] = container.pop(key)
            case 2 if isinstance(container, dict):
                container[chance.choice(["stream", "tools", "n", "extra", "~", "type"])] = _any_value(chance, 1)
            case _:
                container[key] = _any_value(chance, container[key])
    return _any_value(chance, document) if chance.random() < 0.05 else document


def _broken(chance: random.Random, body: bytes) -> bytes:
    """The body's bytes, with something wrong about them."""
    at = chance.randint(0, len(body))
    ways: list[Callable[[], bytes]] = [
        lambda: body[:at],
        lambda: body[:at] + chance.choice([b"\xff", b"\xed\xa0\x80", b"\xc3", b"\x00", b"\xf0\x9f"]) + body[at:],
        lambda: b"\xef\xbb\xbf" + body,
        lambda: body.decode(errors="replace").encode("utf-16"),
        lambda: gzip.compress(body, mtime=0),
        lambda: body + body,
        lambda: chance.choice([b"", b" ", b"null", b"[]", b'"x"', b"1", b"{", b"a=b&c=d", b"--x\r\n\r\n--x--"]),
        lambda: chance.randbytes(chance.randint(1, 200)),
    ]
    return chance.choice(ways)()


_ODD_HEADERS: Final = (
    {"content-type": "text/plain"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/json; charset=utf-16"},
    {"content-type": ""},
    {"content-encoding": "gzip"},
    {"authorization": "Basic Og=="},
    {"authorization": "Bearer"},
    {"authorization": "\xff\x80 x"},
    {"authorization": "AWS4-HMAC-SHA256 Credential=/x"},
    {"anthropic-version": "2026-10-21", "anthropic-beta": ",,x"},
    {"anthropic-version": "~"},
    {"x-api-key": "k" * 5_000},
    {"x-banstorm-attempt": "\xe9"},
)
_ODD_QUERIES: Final = ("alt=sse", "alt=json", "alt=%ff", "key=", "%00=%ff&&=", "api-version=1", "a" * 3_000)
_ODD_METHODS: Final = ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_ODD_TAILS: Final = ("/", "/%00", "/%ff", ":", "/..", "//", "/a/b/c", "%2f~", ":generateContent", "/" + "a" * 3_000)


def odd_request(name: str, chance: random.Random) -> Asked:
    """A request that is nearly right, or right, or nothing of the kind; `chance` decides."""
    method, target, document = chance.choice(right_requests(name))
    body = b"" if document is None else written(_edited(chance, document)).encode("utf-8", "surrogatepass")
    headers = dict(HEADERS)
    if chance.random() < 0.25:
        body = _broken(chance, body)
    if chance.random() < 0.1:
        headers |= chance.choice(_ODD_HEADERS)
    if chance.random() < 0.05:
        for header in chance.sample(list(headers), 4):
            del headers[header]
    if chance.random() < 0.1:
        target += ("&" if "?" in target else "?") + chance.choice(_ODD_QUERIES)
    if chance.random() < 0.05:
        bare, mark, query = target.partition("?")
        target = bare + chance.choice(_ODD_TAILS) + mark + query
    if chance.random() < 0.05:
        method = chance.choice(_ODD_METHODS)
    return Asked(name, method, target, headers, body)
