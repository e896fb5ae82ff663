from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._gemini_schema import to_json_schema
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import Answer, Ask, Reply, RequestRefused, Tool, UnknownFailureError
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


def answered(alt: str | None = None, model: str = OLD, **changes: Any) -> tuple[Ask, Answer]:
    """An ask in one form of stream, and its answer of three words."""
    body = {"$alt": alt} if alt else {}
    ask = Ask(model, stream=True, text="", mark=MARK, input_tokens=11, body=body, **changes)
    return ask, compose(ask, "gemini", id_seed=77, created_s=1769092764)


def streamed(alt: str | None = None, **changes: Any) -> list[bytes]:
    """The events of a streamed answer."""
    return [event.data for event in GEMINI.stream(*answered(alt, **changes)) if event.data]


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


@pytest.mark.parametrize(
    ("config", "choice", "names"),
    [
        (None, "auto", ["f", "g"]),
        ({}, "auto", ["f", "g"]),
        ({"mode": "AUTO"}, "auto", ["f", "g"]),
        ({"mode": "VALIDATED"}, "auto", ["f", "g"]),
        ({"mode": "NONE"}, "none", ["f", "g"]),
        ({"mode": "any"}, "any", ["f", "g"]),
        ({"mode": "ANY", "allowedFunctionNames": ["g"]}, "tool:g", ["f", "g"]),
        ({"mode": "ANY", "allowed_function_names": ["g", "f"]}, "any", ["f", "g"]),
    ],
)
def test_tool_choice(config: Any, choice: str, names: list[str]) -> None:
    """Every mode of calling functions is understood, and so is a narrower choice of them."""
    ask = ask_for({"contents": [ASKED], "tools": DECLARED, "toolConfig": {"functionCallingConfig": config}})
    assert ask.tool_choice == choice
    assert [tool.name for tool in ask.tools] == names


def test_allowed_functions_narrow_the_tools() -> None:
    """Of several functions, only those that are allowed may be called."""
    tools = [{"functionDeclarations": [{"name": name} for name in "abc"]}, {"googleSearch": {}}]
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["c", "b"]}}
    ask = ask_for({"contents": [ASKED], "tools": tools, "tool_config": config})
    assert [tool.name for tool in ask.tools] == ["b", "c"]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"parametersJsonSchema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
        (
            {"parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}},
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        ),
    ],
)
def test_function_parameters(function: Any, parameters: Any) -> None:
    """A function's arguments are described in the vendor's own form or as a JSON schema."""
    ask = ask_for({"contents": [ASKED], "tools": [{"function_declarations": [{"name": "f", **function}]}]})
    assert ask.tools == (Tool("f", parameters),)


@pytest.mark.parametrize(
    ("config", "schema"),
    [
        ({}, None),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseMimeType": "application/json"}, {"type": "object"}),
        ({"response_mime_type": "application/json", "responseJsonSchema": ANSWER_SCHEMA}, ANSWER_SCHEMA),
        ({"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}}, {"type": "string"}),
    ],
)
def test_response_schema(config: Any, schema: Any) -> None:
    """The form of a JSON answer is asked for in the generation config."""
    assert ask_for({"contents": [ASKED], "generationConfig": config}).schema == schema


def test_schemas_are_translated() -> None:
    """Capital types, `nullable`, numbers in strings and the order of properties become a plain JSON schema."""
    given = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "ARRAY", "items": {"type": "STRING", "format": "date"}, "minItems": "2"},
            "a": {"anyOf": [{"type": "NUMBER", "nullable": True}, {"type": "STRING", "format": "enum", "enum": ["x"]}]},
        },
        "property_ordering": ["a", "z", "b"],
        "required": ["a"],
        "title": "ignored",
    }
    read = to_json_schema(given)
    assert read == {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": ["number", "null"]}, {"type": "string", "enum": ["x"]}]},
            "b": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 2},
        },
        "required": ["a"],
    }
    assert list(read["properties"]) == ["a", "b"]


def test_deep_schemas_end() -> None:
    """A schema that nests without end is read up to a limit."""
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(90):
        schema = {"type": "ARRAY", "items": schema}
    ask = ask_for({"contents": [ASKED], "generationConfig": {"responseSchema": schema}})
    assert orjson.dumps(ask.schema).count(b'"array"') < 40


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


def test_whole_answer() -> None:
    """An answer has its text, its finish reason and its usage; nothing says how much of a limit is left."""
    reply = GEMINI.write(*answered())
    document = orjson.loads(reply.body)
    assert document == {
        "candidates": [
            {
                "content": {"parts": [{"text": expected(MARK, "gemini")}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 3,
            "totalTokenCount": 14,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
        },
        "modelVersion": OLD,
        "responseId": document["responseId"],
    }
    assert len(document["responseId"]) == 22
    assert reply.body.startswith(b'{\n  "candidates": [\n')
    names = {name for name, _ in reply.headers}
    assert not [name for name in names if "ratelimit" in name or "request-id" in name or name == "retry-after"]


def test_stream_to_the_letter() -> None:
    """Events have no names and end in two line breaks of their own kind; each has the usage up to it."""
    first, second, last = streamed()
    words = expected(MARK, "gemini").split()
    identity = first[first.index(b'"responseId"') :]

    def event(word: str, finish: str, count: int) -> bytes:
        return (
            f'data: {{"candidates": [{{"content": {{"parts": [{{"text": "{word}"}}],"role": "model"}}{finish},'
            f'"index": 0}}],"usageMetadata": {{"promptTokenCount": 11,"candidatesTokenCount": {count},'
            f'"totalTokenCount": {11 + count},"promptTokensDetails": [{{"modality": "TEXT","tokenCount": 11}}]}},'
            f'"modelVersion": "{OLD}",'
        ).encode() + identity

    assert identity.endswith(b'"}\r\n\r\n')
    assert first == event(words[0] + " ", "", 1)
    assert second == event(words[1] + " ", "", 2)
    assert last == event(words[2], ',"finishReason": "STOP"', 3)


def test_array_to_the_letter() -> None:
    """Without events a stream is one JSON array, an element a chunk; the elements are those of the events."""
    events = streamed("json")
    assert [event[:5] for event in events] == [b"[{\n  ", b"\n,\r\n{", b"\n,\r\n{", b"\n]"]
    assert orjson.loads(b"".join(events)) == [orjson.loads(event[6:]) for event in streamed()]


@pytest.mark.parametrize("alt", [None, "json"])
def test_stream_heads(alt: str | None) -> None:
    """A stream says what form it has, and is known for a stream in either form; a plain answer isn't."""
    status, headers = GEMINI.stream_head(*answered(alt))
    kind = "application/json; charset=UTF-8" if alt else "text/event-stream"
    assert (status, dict(headers)["content-type"]) == (200, kind)
    assert GEMINI.is_stream(headers)
    assert not GEMINI.is_stream(GEMINI.write(*answered()).headers)
    assert not GEMINI.is_stream(GEMINI.failure("overloaded", {"alt": alt}, id_seed=1).headers)


@pytest.mark.parametrize("alt", [None, "json"])
@pytest.mark.parametrize("model", [OLD, NEW])
def test_function_call(alt: str | None, model: str) -> None:
    """A call comes whole in one chunk, whose tokens all count; Gemini 3 gives it an id and a signature."""
    tools = (Tool(TOOL_NAME, ANSWER_SCHEMA),)
    ask, answer = answered(alt, model, tools=tools, tool_choice=f"tool:{TOOL_NAME}")
    events = list(GEMINI.stream(ask, answer))
    assert sum(event.token for event in events) == answer.output_tokens == 3
    [chunk] = [event.data for event in events if b"functionCall" in event.data]
    document = orjson.loads(chunk.removeprefix(b"data: ").removeprefix(b"["))
    assert document == orjson.loads(GEMINI.write(ask, answer).body)
    [candidate] = document["candidates"]
    [part] = candidate["content"]["parts"]
    assert (part["functionCall"]["name"], part["functionCall"]["args"]) == (TOOL_NAME, expected_object(MARK, "gemini"))
    assert candidate["finishReason"] == "STOP"
    assert document["usageMetadata"]["candidatesTokenCount"] == 3
    assert ("thoughtSignature" in part, "id" in part["functionCall"]) == (model == NEW, model == NEW)
    if model == NEW:
        assert base64.b64decode(part["thoughtSignature"], validate=True)


def test_cut_call() -> None:
    """A call that maxOutputTokens cut off is no call: the candidate has no parts and says why."""
    ask, answer = answered(tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice="any", max_tokens=2)
    [candidate] = orjson.loads(GEMINI.write(ask, answer).body)["candidates"]
    assert candidate == {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}


def test_cached_tokens() -> None:
    """Tokens from the cache are part of the prompt's and named beside it."""
    ask, _ = answered()
    answer = Answer(("a",), None, "stop", 11, 1, 7, 1, cached_tokens=4)
    usage = orjson.loads(GEMINI.write(ask, answer).body)["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["totalTokenCount"]) == (11, 4, 12)
    [event] = [event.data for event in GEMINI.stream(ask, answer)]
    assert orjson.loads(event[6:])["usageMetadata"] == usage


@pytest.mark.parametrize("alt", [None, "json"])
def test_streams_split_into_their_events(alt: str | None) -> None:
    """Wherever a stream's bytes are cut, the events come out whole, and an unfinished one is kept for later."""
    ask, _ = answered(alt)
    answer = Answer(('braces } ] [ { and \\" quotes "\r\n\r\n', "é~ "), None, "stop", 1, 2, 7, 1)
    events = [event.data for event in GEMINI.stream(ask, answer)]
    whole = b"".join(events)
    for at in range(len(whole) + 1):
        done, rest = GEMINI.split_events(whole[:at])
        more, nothing = GEMINI.split_events(rest + whole[at:])
        assert done + more == events
        assert nothing == b""


@pytest.mark.parametrize("alt", [None, "json"])
def test_map_event(alt: str | None) -> None:
    """An event's payload can be changed in place or replaced; what has none, or is left alone, keeps its bytes."""

    def rename(payload: Any) -> Any:
        payload["renamed"] = payload.pop("candidates")
        return payload

    events = streamed(alt)
    assert [GEMINI.map_event(event, lambda payload: payload) for event in events] == events
    changed = [GEMINI.map_event(event, rename) for event in events]
    assert [b'"renamed"' in event for event in changed] == [b"candidates" in event for event in events]
    done, rest = GEMINI.split_events(b"".join(changed))
    assert (done, rest) == (changed, b"")
    for event in (b"\n]", b"data: {broken\r\n\r\n", b"[{broken}", b": a comment\r\n\r\n"):
        assert GEMINI.map_event(event, rename) == event


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


FAILURES = {
    "bad_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "bad_request": (400, "INVALID_ARGUMENT", ""),
    "billing_problem": (400, "FAILED_PRECONDITION", ""),
    "capacity_exceeded": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "context_too_long": (400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed"),
    "daily_limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing"),
    "key_expired": (400, "INVALID_ARGUMENT", ""),
    "missing_key": (403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"),
    "model_not_found": (404, "NOT_FOUND", "is not found for API version v1beta, or is not supported for"),
    "model_retired": (404, "NOT_FOUND", "is no longer available to new users."),
    "org_disabled": (403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:AIza"),
    "overloaded": (503, "UNAVAILABLE", "This model is currently experiencing high demand."),
    "permission_denied": (403, "PERMISSION_DENIED", ""),
    "quota_exhausted": (429, "RESOURCE_EXHAUSTED", ", limit: 0, model: gemini"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing"),
    "region_blocked": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "request_too_large": (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: "),
    "server_error": (500, "INTERNAL", "An internal error has occurred."),
    "timeout": (504, "DEADLINE_EXCEEDED", ""),
}
IN_200 = {"content_filtered", "error_in_200"}
WITHOUT_BODY = {"unknown_url", "wrong_method"}


def test_failures_are_known() -> None:
    """Every failure has a common name, and a row in the tables here."""
    assert GEMINI.failures <= set(KINDS)
    assert GEMINI.failures == set(FAILURES) | IN_200 | WITHOUT_BODY
    for play in (GEMINI.failure, GEMINI.error_event):
        with pytest.raises(UnknownFailureError, match="meteor"):
            play("meteor", {}, id_seed=1)


@pytest.mark.parametrize(("kind", "row"), FAILURES.items())
def test_failures(kind: str, row: tuple[int, str, str]) -> None:
    """A failure has its status three times over, says what routers match on, and has one form a way of asking."""
    status, name, says = row
    reply = GEMINI.failure(kind, {}, id_seed=4)
    assert reply == GEMINI.failure(kind, {}, id_seed=4)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["status"]) == (status, status, name)
    assert says in error["message"]
    assert "{" not in error["message"]  # no blank is left open
    assert b"~" not in reply.body
    headers = dict(reply.headers)
    assert headers["content-type"] == "application/json; charset=UTF-8"
    assert int(headers["content-length"]) == len(reply.body)
    assert "retry-after" not in headers
    assert orjson.loads(GEMINI.failure(kind, {"alt": "json"}, id_seed=4).body) == [{"error": error}]
    event = GEMINI.error_event(kind, {}, id_seed=4)
    assert event.startswith(b'data: {"error": {"code": ')
    assert orjson.loads(event[6:]) == {"error": error}
    assert event.endswith(b"}\r\n\r\n")


@pytest.mark.parametrize("kind", sorted(WITHOUT_BODY))
def test_not_found(kind: str) -> None:
    """A wrong path gets a 404 and nothing else."""
    reply = GEMINI.failure(kind, {"alt": "json"}, id_seed=4)
    assert (reply.status, reply.body, dict(reply.headers)["content-length"]) == (404, b"", "0")
    assert orjson.loads(GEMINI.error_event(kind, {}, id_seed=1)[6:])["error"]["code"] == 404


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("content_filtered", {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        ("error_in_200", {"candidates": [{"finishReason": "PUP_LIMITED_DISABLED", "index": 0}]}),
    ],
)
def test_failures_inside_a_200(kind: str, found: dict[str, Any]) -> None:
    """A blocked prompt, or a limited account, is a success without content: as a body, an event and an array."""
    reply = GEMINI.failure(kind, {}, id_seed=4)
    document = orjson.loads(reply.body)
    assert reply.status == 200
    assert {key: document[key] for key in document if key in ("promptFeedback", "candidates")} == found
    assert orjson.loads(GEMINI.failure(kind, {"alt": "json"}, id_seed=4).body) == [document]
    event = GEMINI.failure(kind, {"alt": "sse"}, id_seed=4)
    assert dict(event.headers)["content-type"] == "text/event-stream"
    assert event.body == GEMINI.error_event(kind, {}, id_seed=4)
    assert orjson.loads(event.body[6:]) == document
    assert b'"SAFETY"' in GEMINI.failure(kind, {"reason": "SAFETY"}, id_seed=4).body


def test_error_ends_an_array() -> None:
    """In a stream without events, the error is the array's last element."""
    events = streamed("json")[:2]
    elements = orjson.loads(b"".join(events) + GEMINI.error_event("overloaded", {"alt": "json"}, id_seed=1))
    assert [next(iter(element)) for element in elements] == ["candidates", "candidates", "error"]


def details_of(kind: str, **details: Any) -> dict[str, Any]:
    """The details of a failure by their types."""
    error = orjson.loads(GEMINI.failure(kind, details, id_seed=1).body)["error"]
    return {detail["@type"].removeprefix("type.googleapis.com/google.rpc."): detail for detail in error["details"]}


def test_bad_key_details() -> None:
    """What tells a bad key from a bad request is the reason in the details alone."""
    found = details_of("bad_key")
    assert found["ErrorInfo"]["reason"] == "API_KEY_INVALID"
    assert found["LocalizedMessage"]["message"] == "API key not valid. Please pass a valid API key."


def test_suspended_key_is_echoed() -> None:
    """A suspended key stands in the message and in the details, in full: a reason to redact what is logged."""
    found = details_of("org_disabled", credential="AIzaSyOfTheCaller")
    assert found["ErrorInfo"]["reason"] == "CONSUMER_SUSPENDED"
    assert found["ErrorInfo"]["metadata"]["containerInfo"] == "api_key:AIzaSyOfTheCaller"
    assert "'api_key:AIzaSyOfTheCaller'" in found["LocalizedMessage"]["message"]


@pytest.mark.parametrize(
    ("kind", "details", "quota", "value"),
    [
        ("rate_limited", {}, "GenerateContentInputTokensPerModelPerMinute-FreeTier", "250000"),
        ("rate_limited", {"limit": "requests"}, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10"),
        ("daily_limited", {}, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "250"),
        ("quota_exhausted", {}, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", None),
    ],
)
def test_quota_details(kind: str, details: dict[str, Any], quota: str, value: str | None) -> None:
    """A minute's limit, a day's and a limit of nothing say the same words; which it is, the quota's name tells."""
    [violation] = details_of(kind, model="gemini-x", **details)["QuotaFailure"]["violations"]
    assert violation["quotaId"] == quota
    assert violation.get("quotaValue") == value
    assert violation["quotaDimensions"]["model"] == "gemini-x"


@pytest.mark.parametrize(
    ("wait", "delay", "says"),
    [(7, "7s", "Please retry in 7s."), (51.6, "51s", "Please retry in 51.6s."), ("junk", "junk", ""), (None, None, "")],
)
@pytest.mark.parametrize("kind", ["rate_limited", "daily_limited", "quota_exhausted"])
def test_retry_delay(kind: str, wait: Any, delay: str | None, says: str) -> None:
    """The wait that is asked for stands in the body's details and message, never in a header."""
    found = details_of(kind, retry_after=wait)
    assert found.get("RetryInfo", {}).get("retryDelay") == delay
    body = GEMINI.failure(kind, {"retry_after": wait}, id_seed=1).body.decode()
    assert (says or "Please retry in") in body if says else "Please retry in" not in body


def test_failures_name_the_request() -> None:
    """Model, version and method of the failed request stand in its message."""
    details = {"model": "gemini-x", "api_version": "v1", "method": "countTokens"}
    message = orjson.loads(GEMINI.failure("model_not_found", details, id_seed=1).body)["error"]["message"]
    assert message.startswith(
        "models/gemini-x is not found for API version v1, or is not supported for countTokens. Call ListModels"
    )
