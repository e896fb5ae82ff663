"""What the tests of Bedrock ask it, and how they read its frames."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Answer, Ask, RequestRefused

BEDROCK = find("bedrock")
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIABANSTORMBANSTORM/20261120/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=5d0e11aa"
)
HEADERS = {"authorization": SIGNED}
USER = {"role": "user", "content": [{"text": "hi"}]}
SPEC: Any = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}


def frames_of(data: bytes) -> list[tuple[dict[str, str], Any]]:
    """Headers and payload of each frame, read anew from the encoding's description, checksums checked."""
    frames = []
    while data:
        length, headers_length, prelude_sum = struct.unpack(">III", data[:12])
        assert zlib.crc32(data[:8]) == prelude_sum
        frame, data = data[:length], data[length:]
        assert len(frame) == length
        assert zlib.crc32(frame[:-4]) == struct.unpack(">I", frame[-4:])[0]
        raw, headers = frame[12 : 12 + headers_length], {}
        while raw:
            name_end = 1 + raw[0]
            assert raw[name_end] == 7
            size = int.from_bytes(raw[name_end + 1 : name_end + 3], "big")
            headers[raw[1:name_end].decode()] = raw[name_end + 3 : name_end + 3 + size].decode()
            raw = raw[name_end + 3 + size :]
        frames.append((headers, orjson.loads(frame[12 + headers_length : -4])))
    return frames


def read(body: Any, path: str = f"/model/{MODEL}/converse", headers: dict[str, str] = HEADERS) -> Ask:
    """Read a request."""
    return BEDROCK.read("POST", path, headers, body if isinstance(body, bytes) else orjson.dumps(body))


def refused(body: Any, **options: Any) -> tuple[int, str, str]:
    """Status, exception and message that a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        read(body, **options)
    reply = caught.value.reply
    exception = dict(reply.headers)["x-amzn-errortype"].partition(":")[0]
    return reply.status, exception, orjson.loads(reply.body)["message"]


def answer_to(ask: Ask, id_seed: int = 77) -> Answer:
    """The answer to `ask`."""
    return compose(ask, "bedrock", id_seed=id_seed, created_s=1_763_640_000)


def asked(text: str = MARK.render(), **more: Any) -> Ask:
    """A question, read as the dialect reads it."""
    return read({"messages": [{"role": "user", "content": [{"text": text}]}], **more})
