"""Recordings of real exchanges: what is in a file of them, how it is read, and which request is the same as another.

A recording is NDJSON: a first line with the format's number, then one exchange a line. It holds no credential, and of
a request no more than fingerprints unless its prompts were kept; answers are there in full: they are what is played.

Two requests are the same if method, path, query and body are, whatever the order of their keys, the credentials in
them, and the fields of `VOLATILE`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

import orjson

FORMAT: Final = 1
"""Number of this format. Whatever changes what is written, or which requests are the same, raises it."""
MAGIC: Final = "banstorm_recording"
"""Key of the first line, whose value is the format's number."""
FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest recording, in bytes."""
EXCHANGES_MAX: Final = 10_000
"""Most exchanges in one recording."""
CHUNKS_MAX: Final = 50_000
"""Most pieces of one response."""
FRAMING: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Response headers that a server makes itself, for its connection, its bytes or its clock: they are not kept."""

BLANK: Final = "[redacted]"
"""What stands where a credential stood."""
CREDENTIAL_FIELDS: Final = frozenset(
    {
        "access_token",
        "accesstoken",
        "api_key",
        "apikey",
        "authorization",
        "client_secret",
        "id_token",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "secret_access_key",
        "session_token",
    }
)
"""Names, in lower case with underscores, of JSON fields and query parameters whose values are credentials."""
VOLATILE: Final = frozenset({"metadata", "prompt_cache_key", "safety_identifier", "user"})
"""Top-level fields of a body that name the caller or the call, and don't change the answer."""

_QUERY_CREDENTIALS: Final = CREDENTIAL_FIELDS | {"key", "sig", "signature", "token"}
_FIELD_DIGITS: Final = 8


class RecordingError(ValueError):
    """A recording can't be used.

    Attributes:
        what: What is wrong.
        where: File and line.
        advice: What to do.
    """

    def __init__(self, what: str, where: str, advice: str) -> None:
        super().__init__(f"{where}: {what}; {advice}")
        self.what = what
        self.where = where
        self.advice = advice


def is_credential_field(name: str) -> bool:
    """Whether a JSON field of this name holds a credential."""
    return name.lower().replace("-", "_") in CREDENTIAL_FIELDS


def is_credential_parameter(name: str) -> bool:
    """Whether a query parameter of this name holds a credential."""
    name = name.lower().replace("-", "_")
    return name in _QUERY_CREDENTIALS or name.startswith("x_amz_")


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a request the same as another.

    Attributes:
        method: The method, in capitals.
        path: The path, decoded.
        query: The query without credentials, its parameters sorted.
        body: SHA-256 of the canonical body, in hex digits.
        fields: For a body that is a JSON object, the beginning of a hash for each of its fields.
        model: The model it names, "" if none.
        stream: Whether the body asks for a stream.
    """

    method: str
    path: str
    query: str
    body: str
    fields: Mapping[str, str]
    model: str = ""
    stream: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Equal for the same requests."""
        return self.method, self.path, self.query, self.body

    @classmethod
    def of(cls, method: str, raw_path: bytes, query: bytes, body: bytes) -> Identity:
        """The identity of a request as it came in."""
        asked = [
            pair
            for pair in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
            if not is_credential_parameter(pair[0])
        ]
        head = (method.upper(), unquote(raw_path.decode("latin-1")), urlencode(sorted(asked)))
        try:
            document = without_credentials(orjson.loads(body))
            if not isinstance(document, dict):
                return cls(*head, _digest(document), {})
            document = {name: value for name, value in document.items() if name not in VOLATILE}
            fields = {str(name): _digest(value)[:_FIELD_DIGITS] for name, value in sorted(document.items())}
            model = document.get("model")
            return cls(
                *head,
                _digest(document),
                fields,
                model if isinstance(model, str) else "",
                document.get("stream") is True,
            )
        except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
            return cls(*head, hashlib.sha256(body).hexdigest(), {})  # no JSON, or nested deeper than any request is


def without_credentials(value: Any) -> Any:
    """`value` with the fields that hold credentials blanked, and whole numbers written as such.

    Raises:
        RecursionError: when it is nested too deeply.
    """
    if isinstance(value, dict):
        return {
            name: BLANK if is_credential_field(name) and each is not None else without_credentials(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [without_credentials(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange.

    Attributes:
        number: Its place among all, by the arrival of its request.
        provider: Who answered.
        request: The request's identity.
        status: The response's status.
        headers: The response's headers in their order, without those that belong to a connection or to a length.
        head_ms: When the response's head came, in milliseconds after the request.
        chunks: When each piece of the body came, likewise, and its bytes.
        prompt: The request's body without credentials, if it was kept.
    """

    number: int
    provider: str
    request: Identity
    status: int
    headers: tuple[tuple[str, str], ...]
    head_ms: float
    chunks: tuple[tuple[float, bytes], ...]
    prompt: Any = None

    def line(self) -> bytes:
        """Its line in a recording, line end included."""
        request = {
            "method": self.request.method,
            "path": self.request.path,
            "query": self.request.query,
            "body_sha256": self.request.body,
            "fields": dict(self.request.fields),
            "model": self.request.model,
            "stream": self.request.stream,
        }
        if self.prompt is not None:
            request["body"] = self.prompt
        document = {
            "number": self.number,
            "provider": self.provider,
            "request": request,
            "response": {
                "status": self.status,
                "headers": self.headers,
                "head_ms": self.head_ms,
                "chunks": [(at_ms, _to_text(data)) for at_ms, data in self.chunks],
            },
        }
        return orjson.dumps(document) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Exchange:
        """The exchange on a line.

        Raises:
            ValueError: when the line is none (KeyError and TypeError among its like).
        """
        document = orjson.loads(line)
        asked, answered = document["request"], document["response"]
        identity = Identity(
            str(asked["method"]),
            str(asked["path"]),
            str(asked["query"]),
            str(asked["body_sha256"]),
            {str(name): str(value) for name, value in asked["fields"].items()},
            str(asked["model"]),
            asked["stream"] is True,
        )
        status, head_ms = int(answered["status"]), _moment(answered["head_ms"])
        if not 200 <= status <= 599 or len(answered["chunks"]) > CHUNKS_MAX:
            raise ValueError("a status or a number of pieces that no response has")
        return cls(
            int(document["number"]),
            str(document["provider"]),
            identity,
            status,
            tuple(
                (_header(name).lower(), _header(value))
                for name, value in answered["headers"]
                if str(name).lower() not in FRAMING
            ),
            head_ms,
            tuple((_moment(at_ms), _to_bytes(data)) for at_ms, data in answered["chunks"]),
        )


def head_line(version: str) -> bytes:
    """A recording's first line; `version` is that of the banstorm that makes it."""
    return orjson.dumps({MAGIC: FORMAT, "made_by": version}) + b"\n"


def read(path: Path) -> list[Exchange]:
    """The exchanges of a recording, by the arrival of their requests. A torn last line counts as not written.

    Raises:
        RecordingError: when it can't be read, is none, has another format, or a line of it is broken.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise RecordingError(f"the recording can't be read: {reason}", str(path), "check the path") from error
    if len(data) > FILE_BYTES_MAX:
        raise RecordingError(f"a recording of more than {FILE_BYTES_MAX} bytes", str(path), "record in several files")
    *lines, _torn = data.split(b"\n")
    _check_head(lines[0] if lines else b"", path)
    if len(lines) - 1 > EXCHANGES_MAX:
        raise RecordingError(f"more than {EXCHANGES_MAX} exchanges", str(path), "record in several files")
    exchanges = []
    for number, line in enumerate(lines[1:], 2):
        try:
            exchanges.append(Exchange.parse(line))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0][:100]
            raise RecordingError(
                f"a line that is no exchange ({why})", f"{path}:{number}", "remove the line, or record again"
            ) from error
    return sorted(exchanges, key=lambda exchange: exchange.number)


def _check_head(line: bytes, path: Path) -> None:
    try:
        head = orjson.loads(line)
        found = head[MAGIC]
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            "no recording of banstorm's: its first line doesn't say so", f"{path}:1", "make one with `banstorm record`"
        ) from error
    if found != FORMAT:
        made_by = str(head.get("made_by", "?"))[:40]
        raise RecordingError(
            f"a recording of format {found!r}, made by banstorm {made_by}; this one plays format {FORMAT}",
            f"{path}:1",
            "record again, or play it with the banstorm that made it",
        )


def _moment(value: Any) -> float:
    moment = float(value)
    if not 0 <= moment < 1e9:
        raise ValueError(f"a moment of {moment} ms")
    return moment


def _header(value: Any) -> str:
    """A header's name or value as it can be sent."""
    text = str(value)
    text.encode("latin-1")
    if "\r" in text or "\n" in text or "\x00" in text:
        raise ValueError("a header with a line end")
    return text


def _to_text(data: bytes) -> Any:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # binary frames, or a letter cut in two
        return {"base64": base64.b64encode(data).decode()}


def _to_bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else base64.b64decode(data["base64"], validate=True)
