"""Bedrock InvokeModel and InvokeModelWithResponseStream, for Anthropic's models: their own bodies in Bedrock's frames.

Bodies of other vendors' models are refused: Converse takes them all. Form: Amazon's guide on Anthropic's models, and
the official SDK's `lib/bedrock`. What a model refuses is a `ValidationException` in the model's words.

A frame carries its event as base64, in which nobody can count tokens; so the padding of a frame that carries a token
ends in the sign that they are counted by.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from . import _anthropic_message as message
from . import _anthropic_messages as messages
from . import _bedrock_failures as failures
from . import _bedrock_response as response
from . import _eventstream
from ._bedrock_complaints import complain, parse, refuse
from ._bedrock_refusal import INVOKE
from ._routes import Request
from .base import Answer, Ask, Event, Headers, Reply, RequestRefused

VERSIONS: Final = ("bedrock-2023-05-31", messages.NEWEST)
"""Values of `anthropic_version`: the service's own, which SDKs up to 1.x send, and the API's, from 2.0 on."""
_MODEL: Final = re.compile(r"(?:.*[./])?anthropic\.(?P<name>claude-[a-z0-9-]+?)(?:-v\d+)?(?::\d+)*")
_BY_PATH: Final = ("model", "stream")
"""Fields of the vendor's own API that the path stands for here."""
ANSWER_KEYS: Final = ("text", "partial_json", "input")
"""The keys that carry an answer's content in the bodies of Anthropic's models."""
_SIGN: Final = b"~"


def read_plain(request: Request) -> Ask:
    """Understand ``POST /model/{modelId}/invoke``."""
    return _read(request.name, parse(request.body), request.body, messages.read_document)


def read_stream(request: Request) -> Ask:
    """Understand ``POST /model/{modelId}/invoke-with-response-stream``: the path alone says that it streams."""
    return replace(read_plain(request), stream=True)


def read_counted(model: str, body: Any) -> Ask:
    """Understand the body, in base64, of a prompt to be counted."""
    if not isinstance(body, str):
        complain("The input.invokeModel field must have a body member.")
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        complain("The body member of input.invokeModel is not base64.")
    document = parse(raw)
    document.pop("max_tokens", None)
    return _read(model, document, raw, messages.read_counted)


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one body: a message of the model's."""
    document = message.whole(_as_its_own(ask), answer)
    data = orjson.dumps({**document, "id": _id(document["id"])})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    counts = _counts(answer)
    return Reply(200, headers + failures.response_headers(answer.id_seed) + counts, data)


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    kinds: Headers = [
        ("content-type", _eventstream.CONTENT_TYPE),
        ("x-amzn-bedrock-content-type", "application/json"),
    ]
    return 200, kinds + failures.response_headers(answer.id_seed)


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as frames, each with an event of the model's."""
    place = answer.id_seed
    for event in message.stream(_as_its_own(ask), answer):
        inner = event.data.partition(b"data: ")[2].rstrip()
        if inner == b'{"type": "ping"}':  # there are none here
            continue
        if not event.token:
            inner = _adapted(inner, answer)
        place += 1
        after = b'%b"}' % (_SIGN if event.token else b"")
        before = b'{"bytes":"' + base64.b64encode(inner) + b'","p":"'
        yield Event(response.event("chunk", before, after, place, token=event.token).data, token=event.token)


def map_inner(payload: Any, change: Callable[[Any], Any]) -> Any:
    """`payload` of a frame with the event in it replaced by `change(event)`; what is no such frame is changed itself.

    The sign in the padding goes with the words: it stays, as they do.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("bytes"), str):
        return change(payload)
    try:
        inner = orjson.loads(base64.b64decode(payload["bytes"]))
    except (binascii.Error, orjson.JSONDecodeError):
        return payload
    return {**payload, "bytes": base64.b64encode(orjson.dumps(change(inner))).decode()}


def _read(model: str, document: dict[str, Any], raw: bytes, read: Callable[..., Ask]) -> Ask:
    form = _MODEL.fullmatch(model)
    if form is None:
        complain(f"Bodies of InvokeModel are read for Anthropic's models only: ask {model[:200]} through Converse.")
    version = document.pop("anthropic_version", None)
    document.pop("anthropic_beta", None)
    if version not in VERSIONS:
        known = " or ".join(map(repr, VERSIONS))
        complain("anthropic_version: Field required" if version is None else f"anthropic_version: must be {known}")
    for name in _BY_PATH:
        if name in document:
            complain(f"{name}: Extra inputs are not permitted")
    try:
        ask = read({**document, "model": form["name"]}, raw, strict=version == messages.NEWEST)
    except RequestRefused as refused:
        error: Mapping[str, Any] = orjson.loads(refused.reply.body)["error"]
        refuse("bad_request", message=error["message"])
    return replace(ask, model=model, api=INVOKE if ask.operation == "chat" else "")


def _as_its_own(ask: Ask) -> Ask:
    """The request as the model's vendor would have got it."""
    form = _MODEL.fullmatch(ask.model)
    return replace(ask, model=form["name"] if form is not None else ask.model)


def _adapted(inner: bytes, answer: Answer) -> bytes:
    """An event of the model's as the service passes it on: another id, and figures at the end."""
    if inner.startswith(b'{"type":"message_start"'):
        document = orjson.loads(inner)
        document["message"]["id"] = _id(document["message"]["id"])
        return orjson.dumps(document)
    if inner == b'{"type":"message_stop"}':
        latency = response.latency_ms(answer)
        figures = {
            "inputTokenCount": answer.input_tokens - answer.cached_tokens,
            "outputTokenCount": answer.output_tokens,
            "invocationLatency": latency,
            "firstByteLatency": latency // 2,
        }
        return orjson.dumps({"type": "message_stop", "amazon-bedrock-invocationMetrics": figures})
    return inner


def _counts(answer: Answer) -> Headers:
    return [
        ("x-amzn-bedrock-invocation-latency", str(response.latency_ms(answer))),
        ("x-amzn-bedrock-output-token-count", str(answer.output_tokens)),
        ("x-amzn-bedrock-cache-write-input-token-count", "0"),
        ("x-amzn-bedrock-cache-read-input-token-count", str(answer.cached_tokens)),
        ("x-amzn-bedrock-input-token-count", str(answer.input_tokens - answer.cached_tokens)),
    ]


def _id(given: str) -> str:
    return given.replace("msg_01", "msg_bdrk_01", 1)
