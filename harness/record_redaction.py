"""Takes credentials out of an exchange before it is written down, and tells when one can't be taken out.

Known are the credentials that the request itself came with, in headers, query and body; looked for besides is whatever
looks like a vendor's key, a bearer or a web token, and the fields that are named like credentials. A credential may be
torn between two pieces of a stream, so the pieces are looked at as one. Personal data is no credential and stays.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus

import orjson

from ..fakes.recording import BLANK, CREDENTIAL_FIELDS, is_credential_field, is_credential_parameter
from .redact import SECRET_CHARS_MIN

SECRETS_MAX: Final = 200
"""Credentials of one request that are looked for; the rest is only known by its looks."""
_SCHEMES: Final = frozenset({"aws4-hmac-sha256", "basic", "bearer"})
_CREDENTIAL_WORDS: Final = frozenset(
    {"auth", "authorization", "cookie", "credential", "key", "password", "secret", "session", "signature", "token"}
)
# identifiers of the customer, which are no credentials but nobody else's business either
_ACCOUNT_HEADERS: Final = frozenset({"openai-organization", "openai-project", "anthropic-organization-id"})

_LOOKS: Final = (
    rb"\b(?:"
    rb"(?:sk-|gsk_|AIza)(?=[A-Za-z0-9_\-.*]{0,200}[\d*])[A-Za-z0-9_\-.*]{8,}"
    rb"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    rb"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"
    rb"|Bearer\s{1,4}(?=[^\s\"\\]{0,200}\d)[A-Za-z0-9_\-.+/=]{16,}"
    rb")"
)
_FIELDS: Final = (
    rb'"(?i:' + b"|".join(each.encode().replace(b"_", b"[_-]?") for each in sorted(CREDENTIAL_FIELDS)) + rb")"
    rb'"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.)+)"'
)


class CredentialLeftError(ValueError):
    """A credential is spread over a response such that it can't be taken out."""


class Redaction:
    """Takes the credentials of one request out of what is written of it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = sorted({each for each in secrets if len(each) >= SECRET_CHARS_MIN}, key=lambda each: (-len(each), each))
        self.secrets = tuple(found[:SECRETS_MAX])
        spelt = {spelling for secret in self.secrets for spelling in _spellings(secret)}
        known = [re.escape(each) for each in sorted(spelt, key=lambda each: (-len(each), each))]
        self._pattern = re.compile(b"|".join([*known, _LOOKS, _FIELDS]))
        self._known = re.compile(b"|".join(known)) if known else None

    @classmethod
    def of(cls, headers: Mapping[str, str], query: bytes, body: bytes) -> Redaction:
        """What a request came with; `headers` have lower-case names."""
        return cls([*_in_headers(headers), *_in_query(query), *_in_body(body)])

    def text(self, text: str) -> str:
        """`text` without credentials."""
        return b"".join(self.chunks([text.encode("utf-8", "replace")])).decode("utf-8", "replace")

    def document(self, document: Any) -> Any:
        """A JSON document without credentials."""
        return orjson.loads(b"".join(self.chunks([orjson.dumps(document)])))

    def headers(self, headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """A response's headers, names in lower case, without credentials and the customer's identifiers."""
        for name, value in headers:
            if name.startswith("set-cookie"):
                continue
            counts = name.endswith("-count") and value.isdecimal()  # x-amzn-bedrock-input-token-count
            secret = name in _ACCOUNT_HEADERS or (bool(_CREDENTIAL_WORDS & set(name.split("-"))) and not counts)
            yield name, BLANK if secret else self.text(value)

    def chunks(self, chunks: list[bytes]) -> list[bytes]:
        """The pieces of a body without credentials; what stood in several pieces is blanked in the first of them."""
        whole = b"".join(chunks)
        spans = [_span(match) for match in self._pattern.finditer(whole)]
        if not spans:
            return chunks
        clean, begins, place = [], 0, 0
        for chunk in chunks:
            ends, parts, at = begins + len(chunk), [], begins
            while place < len(spans) and spans[place][0] < ends:
                first, last = spans[place]
                if first >= begins:
                    parts += [whole[at:first], BLANK.encode()]
                at = min(last, ends)
                if last > ends:
                    break
                place += 1
            parts.append(whole[at:ends])
            clean.append(b"".join(parts))
            begins = ends
        return clean

    def response(self, chunks: list[bytes], *, text: bool) -> list[bytes]:
        """The pieces of a response without credentials.

        Args:
            chunks: The pieces as they came.
            text: Whether they may be changed: frames with checksums may not.

        Raises:
            CredentialLeftError: when frames hold one, or a stream spells one letter by letter.
        """
        clean = self.chunks(chunks)
        if not text and clean != chunks:
            raise CredentialLeftError("binary frames hold a credential")
        if self._known is not None:
            for spelt in _spelt(b"".join(clean)):
                if self._known.search(spelt):
                    raise CredentialLeftError("the stream spells a credential, piece by piece")
        return clean

    def holds(self, line: bytes) -> bool:
        """Whether a line about to be written has a known credential after all."""
        return self._known is not None and self._known.search(line) is not None


def _span(match: re.Match[bytes]) -> tuple[int, int]:
    """Of a field the value alone, which is the only group there is."""
    return match.span(1) if match.group(1) is not None else match.span()


def _spellings(secret: str) -> Iterator[bytes]:
    """A secret as it may stand in text, in JSON, in a JSON text within JSON, and in a URL."""
    once = json.dumps(secret)[1:-1]
    for each in (secret, once, json.dumps(once)[1:-1], quote(secret, safe=""), quote_plus(secret)):
        yield each.encode("utf-8", "replace")
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "replace")


def _in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if not _CREDENTIAL_WORDS & set(name.split("-")):
            continue
        yield value
        for word in re.split(r"[\s;,]+", value):
            if word.lower() not in _SCHEMES:
                yield word
            yield word.partition("=")[2]
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic":
            yield from _basic(rest)


def _basic(encoded: str) -> Iterator[str]:
    try:
        user_and_password = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield user_and_password
    yield from user_and_password.split(":", 1)


def _in_query(query: bytes) -> Iterator[str]:
    for name, value in parse_qsl(query.decode("latin-1")):
        if is_credential_parameter(name):
            yield value


def _in_body(body: bytes) -> Iterator[str]:
    """The credentials in fields of a body, JSON or a form."""
    try:
        waiting = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        if len(body) < 64 * 1024:
            yield from (value for name, value in parse_qsl(body.decode("latin-1")) if is_credential_field(name))
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for name, each in value.items():
                if is_credential_field(name) and isinstance(each, str):
                    yield each
                else:
                    waiting.append(each)
        elif isinstance(value, list):
            waiting.extend(value)


def _spelt(body: bytes) -> Iterator[bytes]:
    """What a stream of events says at each of its places, the events' pieces joined."""
    joined: defaultdict[str, list[str]] = defaultdict(list)
    for document in _documents(body):
        waiting = [("", document)]
        while waiting:
            path, value = waiting.pop()
            if isinstance(value, dict):
                waiting += [(f"{path}.{name}", each) for name, each in value.items()]
            elif isinstance(value, list):
                waiting += [(path, each) for each in reversed(value)]
            elif isinstance(value, str):
                joined[path].append(value)
    for parts in joined.values():
        yield "".join(parts).encode("utf-8", "replace")


def _documents(body: bytes) -> Iterator[Any]:
    """The JSON documents in a body: the whole, or one a line."""
    try:
        yield orjson.loads(body)
    except orjson.JSONDecodeError:
        for line in body.splitlines():
            data = line.removeprefix(b"data:").strip()
            if data.startswith((b"{", b"[")):
                with contextlib.suppress(orjson.JSONDecodeError):
                    yield orjson.loads(data)
