"""Amazon's SDK against the fake Bedrock. boto3 is synchronous only, so there is one flavour."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.exceptions
import httpx
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from botocore import UNSIGNED
from botocore.config import Config

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TOOLS: Any = {"tools": [{"toolSpec": {"name": TOOL_NAME, "inputSchema": {"json": ANSWER_SCHEMA}}}]}
CREDENTIALS = {"aws_access_key_id": "AKIABANSTORMBANSTORM", "aws_secret_access_key": "x"}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes clients that try once unless told otherwise."""
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made: list[Any] = []

    def client(url: str, *, attempts: int | None = 1, **options: Any) -> Any:
        retries = {} if attempts is None else {"retries": {"total_max_attempts": attempts}}
        config = Config(read_timeout=20, **retries, **options.pop("config", {}))
        session = boto3.session.Session()
        client = session.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config, **{**CREDENTIALS, **options}
        )
        made.append(client)
        return client

    yield client
    for each in made:
        each.close()


@pytest.fixture
def bedrock(make: Callable[..., Any], lab: Any) -> Any:
    """A client pointed at the fake."""
    return make(lab.root("bedrock"))


def messages(text: str) -> list[dict[str, Any]]:
    """A conversation of one question in two blocks."""
    return [{"role": "user", "content": [{"text": "Be exact."}, {"text": text}]}]


def test_text(bedrock, call, lab) -> None:
    """A marked prompt's words come back as one text block, with usage, metrics and a request id."""
    reply = bedrock.converse(modelId=MODEL, system=[{"text": "Speak."}], messages=messages(call.prompt(Shape.TEXT, 5)))
    assert reply["output"]["message"] == {
        "role": "assistant",
        "content": [{"text": expected(call.mark(Shape.TEXT, 5), "bedrock")}],
    }
    assert reply["stopReason"] == "end_turn"
    usage = reply["usage"]
    assert (usage["outputTokens"], usage["totalTokens"]) == (5, usage["inputTokens"] + 5)
    assert reply["metrics"]["latencyMs"] > 0
    assert reply["serviceTier"] == {"type": "default"}
    assert len(reply["ResponseMetadata"]["RequestId"]) == 36
    [bill] = lab.bills
    assert (bill.model, bill.input_tokens, bill.produced_tokens) == (MODEL, usage["inputTokens"], 5)
    assert bill.usd == pytest.approx((bill.input_tokens * 3.3 + 5 * 16.5) / 1e6)


def test_stream(bedrock, call) -> None:
    """A stream's frames parse, their checksums hold, and they add up to the plain answer."""
    reply = bedrock.converse_stream(modelId=MODEL, messages=messages(call.prompt(Shape.TEXT, 7)))
    events = list(reply["stream"])
    assert [name for event in events for name in event] == [
        "messageStart",
        *["contentBlockDelta"] * 7,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    said = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events[1:8])
    assert said == expected(call.mark(Shape.TEXT, 7), "bedrock")
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 7


@pytest.mark.parametrize("choice", [{"tool": {"name": TOOL_NAME}}, {"any": {}}, {"auto": {}}])
def test_tool(bedrock, call, choice) -> None:
    """A tool that is forced, required or offered is called with the words as its input."""
    config = {**TOOLS, "toolChoice": choice}
    reply = bedrock.converse(modelId=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), toolConfig=config)
    [block] = reply["output"]["message"]["content"]
    assert block["toolUse"]["name"] == TOOL_NAME
    assert block["toolUse"]["input"] == expected_object(call.mark(Shape.TOOL, 3), "bedrock")
    assert reply["stopReason"] == "tool_use"


def test_tool_stream(bedrock, call) -> None:
    """A streamed tool call's pieces of JSON add up to its input."""
    config = {**TOOLS, "toolChoice": {"tool": {"name": TOOL_NAME}}}
    reply = bedrock.converse_stream(modelId=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), toolConfig=config)
    events = list(reply["stream"])
    assert events[1]["contentBlockStart"]["start"]["toolUse"]["name"] == TOOL_NAME
    pieces = [
        event["contentBlockDelta"]["delta"]["toolUse"]["input"] for event in events if "contentBlockDelta" in event
    ]
    assert json.loads("".join(pieces)) == expected_object(call.mark(Shape.TOOL, 3), "bedrock")
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"


def test_tool_conversation(bedrock) -> None:
    """A person's own agent loop ends: the tool is called on the first turn, and its result is answered with text."""
    weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    config: Any = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": weather}}}]}
    history: list[Any] = messages("What is the weather in Oslo?")
    first = bedrock.converse(modelId=MODEL, messages=history, toolConfig=config)
    history.append(first["output"]["message"])
    [block] = first["output"]["message"]["content"]
    assert isinstance(block["toolUse"]["input"]["city"], str)
    result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"degrees": 2}}]}
    history.append({"role": "user", "content": [{"toolResult": result}]})
    second = bedrock.converse(modelId=MODEL, messages=history, toolConfig=config)
    assert [list(block) for block in second["output"]["message"]["content"]] == [["text"]]
    assert second["stopReason"] == "end_turn"


def test_json_schema(bedrock, call) -> None:
    """A structured output is the object that was asked for."""
    structure = {"jsonSchema": {"name": "answer", "schema": json.dumps(ANSWER_SCHEMA)}}
    reply = bedrock.converse(
        modelId=MODEL,
        messages=messages(call.prompt(Shape.JSON, 3)),
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )
    [block] = reply["output"]["message"]["content"]
    assert json.loads(block["text"]) == expected_object(call.mark(Shape.JSON, 3), "bedrock")


def test_max_tokens(bedrock, call) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    reply = bedrock.converse(
        modelId=MODEL, messages=messages(call.prompt(Shape.TEXT, 9)), inferenceConfig={"maxTokens": 4}
    )
    words = expected(call.mark(Shape.TEXT, 9), "bedrock").split()
    assert reply["output"]["message"]["content"][0]["text"].split() == words[:4]
    assert reply["stopReason"] == "max_tokens"


def test_count_tokens(bedrock) -> None:
    """Tokens can be counted beforehand, and come to what a chat is billed for."""
    counted = bedrock.count_tokens(modelId=MODEL, input={"converse": {"messages": messages("how long is this?")}})
    reply = bedrock.converse(modelId=MODEL, messages=messages("how long is this?"))
    assert counted["inputTokens"] == reply["usage"]["inputTokens"]


def test_arn(bedrock, lab, call) -> None:
    """A model may be named by its ARN; the bill knows its price all the same."""
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}"
    reply = bedrock.converse(modelId=arn, messages=messages(call.prompt(Shape.TEXT, 2)))
    assert reply["stopReason"] == "end_turn"
    [bill] = lab.bills
    assert (bill.model, bill.priced) == (arn, True)


def test_bearer_key(lab, call) -> None:
    """A bearer key is taken instead of a signature. The SDK itself sends one over TLS only, so this goes without it."""
    reply = httpx.post(
        f"{lab.root('bedrock')}/model/{MODEL}/converse",
        json={"messages": messages(call.prompt(Shape.TEXT, 2))},
        headers={"authorization": "Bearer bedrock-api-key-test"},
    )
    [block] = reply.json()["output"]["message"]["content"]
    assert block["text"] == expected(call.mark(Shape.TEXT, 2), "bedrock")


def test_unsigned(make, lab) -> None:
    """A request with neither signature nor key is refused as one without a credential."""
    client = make(lab.root("bedrock"), config={"signature_version": UNSIGNED})
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.converse(modelId=MODEL, messages=messages("hello"))
    assert caught.value.response["Error"]["Code"] == "MissingAuthenticationTokenException"
