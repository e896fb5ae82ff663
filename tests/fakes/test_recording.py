"""Recordings: what is written is read again, what is none is refused, and which requests are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from banstorm.fakes import recording
from banstorm.fakes.recording import Exchange, Identity, RecordingError, head_line, read
from hypothesis import given
from hypothesis import strategies as st

BODY = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}], "temperature": 1}


def identity(body: Any = BODY, path: bytes = b"/v1/chat/completions", query: bytes = b"") -> Identity:
    """The identity of a request."""
    return Identity.of("POST", path, query, body if isinstance(body, bytes) else orjson.dumps(body))


def exchange(number: int = 1, **changes: Any) -> Exchange:
    """An exchange whose answer is in three pieces, one of them cut within a letter."""
    usual = {
        "number": number,
        "provider": "openai",
        "request": identity(),
        "status": 200,
        "headers": (("x-request-id", "req_1"), ("x-twice", "a"), ("x-twice", "b")),
        "head_ms": 12.5,
        "chunks": ((13.0, b"data: \xc3"), (14.0, b"\xa9\n\n"), (15.5, b"\x00\xff")),
    }
    return Exchange(**{**usual, **changes})


def write(path: Path, *exchanges: Exchange, tail: bytes = b"") -> Path:
    """A recording."""
    path.write_bytes(head_line("0.1.0") + b"".join(each.line() for each in exchanges) + tail)
    return path


def test_what_is_written_is_read(tmp_path: Path):
    """Bytes, their moments, headers that stand twice and their order come back; the order is that of arrival."""
    first, second = exchange(1), exchange(2, status=429, chunks=())
    assert [first, second] == read(write(tmp_path / "r", second, first))


def test_a_prompt_is_in_the_file_only_if_it_was_kept(tmp_path: Path):
    """Without it, no word of the request's body is written but its model and the names of its fields."""
    without = exchange().line()
    assert b'"hi"' not in without
    assert b"gpt-5.4-mini" in without
    kept = exchange(prompt=BODY)
    assert b'"hi"' in kept.line()
    assert [exchange()] == read(write(tmp_path / "r", kept))  # replaying needs no prompt


@given(st.binary(max_size=40))
def test_a_torn_last_line_counts_as_not_written(tmp_path_factory: pytest.TempPathFactory, tail: bytes):
    """A recorder that was killed in the middle of a line leaves all lines before it."""
    path = write(tmp_path_factory.mktemp("torn") / "r", exchange(), tail=tail.replace(b"\n", b""))
    assert [exchange()] == read(path)


def _line(**changes: Any) -> bytes:
    document = orjson.loads(exchange().line())
    for place, value in changes.items():
        *path, last = place.split("__")
        inner = document
        for name in path:
            inner = inner[name]
        inner[last] = value
    return orjson.dumps(document) + b"\n"


HEAD = head_line("0.1.0")
BROKEN = [
    (b"", ":1", "no recording of banstorm's"),
    (b'{"level": "info"}\n', ":1", "no recording of banstorm's"),
    (b"[]\n", ":1", "no recording of banstorm's"),
    (b"\xff\n", ":1", "no recording of banstorm's"),
    (b'{"banstorm_recording": 2, "made_by": "9.9"}\n', ":1", "format 2, made by banstorm 9.9; this one plays format 1"),
    (HEAD + b"{}\n", ":2", "no exchange (KeyError"),
    (HEAD + exchange().line() + b"nothing\n", ":3", "no exchange (JSONDecodeError"),
    (HEAD + _line(response__status=99), ":2", "a status"),
    (HEAD + _line(response__status="x"), ":2", "invalid literal"),
    (HEAD + _line(response__chunks=[[1, {"base64": "?"}]]), ":2", "no exchange"),
    (HEAD + _line(response__chunks=[[-1, "a"]]), ":2", "a moment of -1.0 ms"),
    (HEAD + _line(response__headers=[["a", "b\r\nc: d"]]), ":2", "a header with a line end"),
    (HEAD + _line(response__headers=[["a", "\u20ac"]]), ":2", "UnicodeEncodeError"),
    (HEAD + _line(request__fields=3), ":2", "no exchange (AttributeError"),
    (HEAD + b"[" * 5_000 + b"\n", ":2", "no exchange"),
]


@pytest.mark.parametrize(("data", "where", "what"), BROKEN)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, data: bytes, where: str, what: str):
    """The file, the line and the reason are told."""
    path = tmp_path / "r"
    path.write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert f"{path}{where}" == caught.value.where
    assert what in caught.value.what


def test_limits_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is too large or has too many exchanges is refused; one that isn't there is told."""
    path = write(tmp_path / "r", exchange(1), exchange(2))
    monkeypatch.setattr(recording, "EXCHANGES_MAX", 1)
    with pytest.raises(RecordingError, match="more than 1 exchanges"):
        read(path)
    monkeypatch.setattr(recording, "FILE_BYTES_MAX", 100)
    with pytest.raises(RecordingError, match="more than 100 bytes"):
        read(path)
    with pytest.raises(RecordingError, match="no such file"):
        read(tmp_path / "nothing")


def test_headers_of_framing_are_not_played(tmp_path: Path):
    """What a hand wrote into a recording can't contradict the length and the connection of the answer."""
    path = tmp_path / "r"
    path.write_bytes(HEAD + _line(response__headers=[["Content-Length", "5"], ["X-A", "b"], ["date", "now"]]))
    assert (("x-a", "b"),) == read(path)[0].headers


SAME = [
    ("keys in another order", dict(reversed(BODY.items())), b"", True),
    ("a whole number as a float", {**BODY, "temperature": 1.0}, b"", True),
    ("another user", {**BODY, "user": "u2", "metadata": {"trace": "x"}}, b"", True),
    ("another key in a field", {**BODY, "api_key": "sk-2"}, b"", False),  # against none at all
    ("another key in the query", BODY, b"key=AIza2", True),
    ("another signature in the query", BODY, b"X-Amz-Signature=5", True),
    ("another parameter in the query", BODY, b"alt=sse", False),
    ("another prompt", {**BODY, "messages": []}, b"", False),
    ("another model", {**BODY, "model": "gpt-5.4"}, b"", False),
    ("streamed", {**BODY, "stream": True}, b"", False),
    ("another figure", {**BODY, "temperature": 0.5}, b"", False),
    ("true for one", {**BODY, "temperature": True}, b"", False),
    ("no JSON", b"hello", b"", False),
    ("a list", [BODY], b"", False),
]


@pytest.mark.parametrize(("body", "query", "same"), [each[1:] for each in SAME], ids=[each[0] for each in SAME])
def test_which_requests_are_the_same(body: Any, query: bytes, same):
    """The order of keys, volatile fields and credentials don't matter; all else does."""
    assert same is (identity().key == identity(body, query=query).key)


def test_a_changed_credential_in_the_body_is_the_same_request():
    """A key in a body is blanked before it is compared, at any depth, whatever its spelling."""
    one = {"input": {"apiKey": "sk-1", "Client-Secret": "x", "max_tokens": 3}}
    other = {"input": {"apiKey": "sk-2", "Client-Secret": "y", "max_tokens": 3}}
    assert identity(one).key == identity(other).key
    assert identity(one).key != identity({"input": {**one["input"], "max_tokens": 4}}).key


def test_paths_and_queries():
    """A path is compared decoded; a query by its parameters, in any order."""
    assert identity(path=b"/model/a%3A0/converse").key == identity(path=b"/model/a:0/converse").key
    assert identity(query=b"a=1&b=2").key == identity(query=b"b=2&a=1").key
    assert identity(query=b"a=1").key != identity(query=b"a=2").key
    assert identity().key != Identity.of("GET", b"/v1/chat/completions", b"", orjson.dumps(BODY)).key


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[" * 3_000, b"[" * 300 + b"]" * 300, b'{"a":' * 900 + b"1" + b"}" * 900])
)
def test_any_body_has_an_identity(body: bytes):
    """Whatever was sent has one, and always the same."""
    assert identity(body).key == identity(body).key
