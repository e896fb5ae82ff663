"""Gemini: requests, as they are read and as they are refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, Reply, RequestRefused
from hypothesis import given, strategies

GEMINI = find("gemini")
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
KEY = {"x-goog-api-key": "AIzaSy-test"}
OLD, NEW = "gemini-2.5-flash", "gemini-3.8-flash"
ASKED = {"role": "user", "parts": [{"text": "hi"}]}
CALLED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
SIGNED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}]}
WORDS = strategies.sampled_from(
    [
        "contents",
        "parts",
        "text",
        "role",
        "functionCall",
        "functionResponse",
        "thoughtSignature",
        "name",
        "args",
        "tools",
        "functionDeclarations",
        "parameters",
        "type",
        "properties",
        "items",
        "anyOf",
        "enum",
        "required",
        "minItems",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "allowedFunctionNames",
        "generationConfig",
        "maxOutputTokens",
        "responseSchema",
        "responseJsonSchema",
        "propertyOrdering",
        "systemInstruction",
        "generateContentRequest",
        "pattern",
        "format",
    ]
)
DECLARED: Any = [{"functionDeclarations": [{"name": "f"}, {"name": "g", "parameters": {"type": "OBJECT"}}]}]


def ask_for(
    body: Any,
    *,
    path: str = f"/v1beta/models/{OLD}:generateContent",
    method: str = "POST",
    headers: dict[str, str] = KEY,
) -> Ask:
    """Read a request."""
    return GEMINI.read(method, path, headers, body if isinstance(body, bytes) else orjson.dumps(body))


def refusal(body: Any, **options: Any) -> Reply:
    """What a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        ask_for(body, **options)
    return caught.value.reply


def complaint(body: Any, **options: Any) -> str:
    """The words that a malformed request is refused with."""
    reply = refusal(body, **options)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    return str(error["message"])


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize(
    ("method", "query", "stream", "alt"),
    [
        ("generateContent", "", False, None),
        ("generateContent", "?alt=json", False, None),
        ("streamGenerateContent", "?alt=sse", True, None),
        ("streamGenerateContent", "", True, "json"),
        ("streamGenerateContent", "?$alt=json;enum-encoding=int", True, "json"),
    ],
)
def test_operations(version: str, method: str, query: str, alt: str | None, *, stream: bool) -> None:
    """Both versions have both methods; a stream is an array unless events are asked for."""
    ask = ask_for({"contents": [ASKED]}, path=f"/{version}/models/{OLD}:{method}{query}")
    assert (ask.operation, ask.model, ask.stream, ask.body.get("$alt")) == ("chat", OLD, stream, alt)


@pytest.mark.parametrize(
    ("headers", "query", "found"),
    [
        (KEY, "", "AIzaSy-test"),
        (KEY, "?key=AIzaSy-other", "AIzaSy-test"),
        ({}, "?alt=sse&key=AIzaSy-other", "AIzaSy-other"),
        ({"authorization": "Bearer ya29.token"}, "", "ya29.token"),
        ({"authorization": "Basic ya29"}, "?key=", None),
        ({}, "?monkey=AIzaSy", None),
        ({}, "", None),
    ],
)
def test_credential(headers: dict[str, str], query: str, found: str | None) -> None:
    """The key comes in a header or in the query; an OAuth token does as well."""
    assert GEMINI.credential(headers, f"/v1beta/models{query}") == found


def test_missing_key() -> None:
    """A request without a key is refused with 403, not 401."""
    reply = refusal({"contents": [ASKED]}, headers={})
    assert reply.status == 403
    assert "Method doesn't allow unregistered callers" in orjson.loads(reply.body)["error"]["message"]


def test_conversation() -> None:
    """The mark is taken from the last user content, whatever parts it has and whatever functions said after it."""
    ask = ask_for(
        {
            "system_instruction": {"parts": {"text": Mark("7f3a9c", 1, Shape.TEXT, 1).render()}},
            "contents": [
                ASKED,
                {"role": "model", "parts": [{"text": "a thought", "thought": True}, {"text": "an answer"}]},
                {
                    "role": "user",
                    "parts": [
                        {"inlineData": {"mimeType": "image/png", "data": ""}},
                        {"text": "look:"},
                        {"text": MARK.render()},
                    ],
                },
                CALLED,
                RESULT,
            ],
        }
    )
    assert (ask.mark, ask.text) == (MARK, f"look:\n{MARK.render()}")
    assert (ask.after_tool_result, ask.first_turn) == (True, False)
    assert ask.input_tokens > len(MARK.render()) // 4


def test_one_content_without_role() -> None:
    """A list may be a single value, and who doesn't say who speaks is the user."""
    ask = ask_for({"contents": {"parts": {"text": MARK.render()}}})
    assert (ask.mark, ask.first_turn, ask.after_tool_result) == (MARK, True, False)


@pytest.mark.parametrize(("levels", "taken"), [(90, True), (200, False), (900, False)])
def test_deep_bodies_are_refused(levels: int, *, taken: bool) -> None:
    """A body that nests deeper than the vendor's parser reads is refused, and wide ones aren't."""
    wide = b"[" + b",".join([b"[]"] * 500) + b"]"
    deep = b"[" * levels + b"]" * levels
    body = (
        b'{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"wide":' + wide + b',"deep":' + deep + b"}}}]}]}"
    )
    if taken:
        assert ask_for(body).operation == "chat"
    else:
        assert "Message too deep" in complaint(body)


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-9, 9) | strategies.text("aT~", max_size=3),
    lambda inner: strategies.lists(inner, max_size=2) | strategies.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(strategies.dictionaries(WORDS, ANYTHING, max_size=4), strategies.sampled_from([OLD, NEW]), strategies.data())
def test_any_body_gets_the_vendors_answer(body: dict[str, Any], model: str, data: strategies.DataObject) -> None:
    """Whatever stands where, the request is answered or refused in the vendor's words, never with a bug of ours."""
    if data.draw(strategies.booleans()):
        body["contents"] = [ASKED, {"role": "model", "parts": data.draw(ANYTHING)}]
    for method in ("generateContent", "streamGenerateContent", "countTokens"):
        try:
            ask = ask_for(body, path=f"/v1/models/{model}:{method}")
        except RequestRefused as refused:
            reply = refused.reply
        else:
            reply = GEMINI.write(ask, compose(ask, "gemini", id_seed=1, created_s=1))
        assert reply.status in (200, 400)
        assert orjson.loads(reply.body)


@pytest.mark.parametrize(("given", "read"), [(5, 5), ("6", 6), (7.0, 7), (None, None)])
def test_max_tokens(given: Any, read: int | None) -> None:
    """The limit may be a number in any of the forms that protocol buffers' JSON has."""
    assert ask_for({"contents": [ASKED], "generationConfig": {"maxOutputTokens": given}}).max_tokens == read


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "* GenerateContentRequest.contents: contents is not specified\n"),
        (b"{", "Invalid JSON payload received. Unexpected token."),
        (b"[]", "Root element must be a message."),
        ({"contents": []}, "contents is not specified"),
        ({"contents": ["hi"]}, "Invalid value at 'contents[0]' (Content), \"hi\""),
        ({"contents": [{"role": "system", "parts": [{"text": "hi"}]}]}, "Please use a valid role: user, model."),
        (
            {"contents": [ASKED, {"role": "model", "parts": []}]},
            "* GenerateContentRequest.contents[1].parts: contents.parts must not be empty.\n",
        ),
        ({"contents": [{"parts": [{"thought": True}]}]}, "contents[0].parts[0].data: required oneof field 'data'"),
        ({"contents": [{"parts": [{"text": 3}]}]}, "Invalid value at 'contents[0].parts[0]' (TYPE_STRING), 3"),
        ({"contents": [{"parts": ["hi"]}]}, "Invalid value at 'contents[0].parts[0]'"),
        ({"contents": [ASKED], "messages": []}, 'Unknown name "messages": Cannot find field.'),
        ({"contents": [ASKED], "systemInstruction": "hi"}, "Invalid value at 'system_instruction'"),
        ({"contents": [ASKED], "tools": [3]}, "Invalid value at 'tools[0]'"),
        ({"contents": [ASKED], "tools": [{"functionDeclarations": [{"name": "9"}]}]}, "Invalid function name"),
        ({"contents": [ASKED], "tools": [{"functionDeclarations": [{}]}]}, "function_declarations[0].name"),
        ({"contents": [ASKED], "toolConfig": {"functionCallingConfig": {"mode": "MUST"}}}, "config.mode"),
        ({"contents": [ASKED], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
        (
            {
                "contents": [ASKED],
                "tools": DECLARED,
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["h"]}},
            },
            "allowed_function_names",
        ),
        ({"contents": [ASKED], "generationConfig": {"maxOutputTokens": 0}}, "must be positive"),
        ({"contents": [ASKED], "generationConfig": {"maxOutputTokens": "few"}}, "(TYPE_INT32)"),
        ({"contents": [ASKED], "generationConfig": {"maxOutputTokens": True}}, "(TYPE_INT32)"),
        ({"contents": [ASKED], "generationConfig": []}, "Invalid value at 'generation_config'"),
        ({"contents": [ASKED, RESULT]}, "the number of function response parts is equal"),
        ({"contents": [ASKED, CALLED, ASKED]}, "the number of function response parts is equal"),
        (
            {"contents": [ASKED, {**CALLED, "parts": CALLED["parts"] * 2}, RESULT]},
            "the number of function response parts is equal",
        ),
    ],
)
def test_complaints(body: Any, says: str) -> None:
    """A malformed request is refused with 400 INVALID_ARGUMENT in the words of the vendor's parser or validator."""
    assert says in complaint(body)


def test_results_of_several_calls() -> None:
    """The results of one turn's calls may come in one content or in several."""
    two = {"role": "model", "parts": CALLED["parts"] * 2}
    for results in ([RESULT, RESULT], [{"role": "user", "parts": RESULT["parts"] * 2}]):
        assert ask_for({"contents": [ASKED, two, *results]}).after_tool_result


@pytest.mark.parametrize(
    ("model", "history", "says"),
    [
        (OLD, [ASKED, CALLED, RESULT], None),
        (NEW, [ASKED, SIGNED, RESULT], None),
        (NEW, [ASKED, CALLED, RESULT], "missing a thought_signature in functionCall parts."),
        (NEW, [ASKED, SIGNED, RESULT, CALLED, RESULT], "function call `default_api:f` , position 4."),
        # a turn that is over is not looked at
        (NEW, [ASKED, CALLED, RESULT, {"role": "model", "parts": [{"text": "done"}]}, ASKED], None),
    ],
)
def test_signatures(model: str, history: list[Any], says: str | None) -> None:
    """Gemini 3 and later want back the signature of each step's first call; earlier models don't."""
    path = f"/v1/models/{model}:generateContent"
    if says is None:
        assert ask_for({"contents": history}, path=path).model == model
    else:
        assert says in complaint({"contents": history}, path=path)


@pytest.mark.parametrize(
    ("signature", "taken"), [("c2ln", True), ("skip_thought_signature_validator", True), ("~", False), (7, False)]
)
def test_corrupted_signature(signature: Any, *, taken: bool) -> None:
    """A signature is base64, or one of the two words that are documented for histories of other models."""
    part = {**CALLED["parts"][0], "thought_signature": signature}  # type: ignore[dict-item]
    body = {"contents": [ASKED, {"role": "model", "parts": [part]}, RESULT]}
    path = f"/v1/models/{NEW}:generateContent"
    if taken:
        assert ask_for(body, path=path).after_tool_result
    else:
        assert complaint(body, path=path) == "Corrupted thought signature."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v2/models/x:generateContent"),
        ("GET", "/v1/models/x:generateContent"),
        ("POST", "/v1/models/x"),
        ("DELETE", "/v1beta/models"),
    ],
)
def test_unknown_paths(method: str, path: str) -> None:
    """What isn't there, or not for that method, is a 404 without a body."""
    reply = refusal(b"", method=method, path=path)
    assert (reply.status, reply.body) == (404, b"")


@pytest.mark.parametrize(
    ("query", "opening"), [("?alt=sse", b'{\n  "error"'), ("", b'[{\n  "error"'), ("?alt=json", b"[{")]
)
@pytest.mark.parametrize("headers", [KEY, {}])
def test_refused_streams(query: str, opening: bytes, headers: dict[str, str]) -> None:
    """What refuses a stream in array form is an array of one error; else it is the plain error."""
    reply = refusal({"contents": []}, path=f"/v1beta/models/{OLD}:streamGenerateContent{query}", headers=headers)
    assert reply.body.startswith(opening)
    found = orjson.loads(reply.body)
    assert (found[0] if isinstance(found, list) else found)["error"]["code"] == reply.status
    head = dict(reply.headers)
    assert head["content-type"] == "application/json; charset=UTF-8"
    assert int(head["content-length"]) == len(reply.body)
    assert [name for name, _ in reply.headers].count("vary") == 3


def test_count_tokens() -> None:
    """Tokens are counted of contents or of a whole request, and as the answer's usage counts them."""
    body = {"contents": [ASKED, {"role": "model", "parts": [{"text": "x" * 400}]}, ASKED]}
    path = f"/v1/models/{OLD}:countTokens"
    for sent in (body, {"generateContentRequest": {"model": f"models/{OLD}", **body}}):
        ask = ask_for(sent, path=path)
        answer = compose(ask, "gemini", id_seed=1, created_s=1)
        document = orjson.loads(GEMINI.write(ask, answer).body)
        assert document["totalTokens"] == ask_for(body).input_tokens > 100
    assert "contents is not specified" in complaint({}, path=path)


def test_models() -> None:
    """Models are listed, and any name can be looked up."""
    listed = ask_for(b"", path="/v1beta/models?pageSize=50", method="GET")
    document = orjson.loads(GEMINI.write(listed, compose(listed, "gemini", id_seed=1, created_s=1)).body)
    assert f"models/{OLD}" in [model["name"] for model in document["models"]]
    one = ask_for(b"", path="/v1/models/gemini-of-nobody", method="GET")
    document = orjson.loads(GEMINI.write(one, compose(one, "gemini", id_seed=1, created_s=1)).body)
    assert document["name"] == "models/gemini-of-nobody"
