"""What a provider dialect is: how to read a request and to write an answer, a stream, and a failure.

A dialect is one file beside this one that defines ``DIALECT``, an instance of a subclass of `Dialect`. Fakes and
injected faults both take their bytes from here, so a failure looks the same whoever plays it. Each wire fact in a
dialect file names where it was seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

from ..answer import Mark

Headers = list[tuple[str, str]]
"""HTTP headers in wire order, names in lower case."""

REQUEST_BYTES_MAX: Final = 32 * 1024 * 1024
"""Largest request body any dialect accepts, in bytes; a dialect may state a lower cap of its vendor's."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a request offers: its name and the JSON schema of its arguments."""

    name: str
    parameters: Mapping[str, Any]


# What is made for every request isn't frozen, which would cost a function call a field; nobody changes it all the same.
@dataclass(slots=True)
class Ask:
    """A request as every dialect understands it.

    `text` is the last user content alone; `mark` is the last mark in it. `input_tokens` counts the whole prompt.
    `tool_choice` is "auto", "none", "any", or "tool:<name>". `first_turn` is False once the conversation has an answer.
    `operation` names what was asked for: "chat" has an answer to generate, which is composed, paced and billed, and
    "embeddings" are billed for their input. `api` tells a vendor's APIs for one operation apart.

    `input_tokens` include `cached_tokens`, which the provider has in its cache, and `cache_write_tokens`, which it puts
    there: `cache_write_1h_tokens` of them for an hour, the others for minutes. `reasoning_tokens` are thought before
    the answer; they count as output. An answer ends before any of `stop`.

    `choices` is how many answers are wanted, each with its own thoughts: they all say the same, and each is billed.
    `parallel` says that one answer may call several tools, and that the dialect knows how to write that.
    """

    model: str
    stream: bool
    text: str
    mark: Mark | None
    input_tokens: int
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    after_tool_result: bool = False
    first_turn: bool = True
    include_usage: bool = False
    operation: str = "chat"
    api: str = ""
    stop: tuple[str, ...] = ()
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    choices: int = 1
    parallel: bool = False
    body: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def thought_tokens(self) -> int:
        """The reasoning that `max_tokens` leaves room for."""
        return self.reasoning_tokens if self.max_tokens is None else min(self.reasoning_tokens, self.max_tokens)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: its name, and its arguments as JSON text in pieces."""

    name: str
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The pieces joined."""
        return "".join(self.pieces)


@dataclass(slots=True)
class Answer:
    """What the provider says: `pieces` joined are the text, the JSON text, or the tool's arguments as JSON text.

    `tool` is the name of the called tool, None for text. `finish` is "stop", "length" or "tool", or where a vendor has
    it "refusal" (the text is why the model won't) or "filter" (the rest is kept back). `stop_sequence` is what the
    answer was stopped by. `output_tokens` include `reasoning_tokens`. Ids are seeded, so that the same run gives the
    same bytes.

    `calls` is there when several tools are called at once, for an `Ask` that has `parallel`: `tool` is then the first
    one's name, and `pieces` are those of all calls, one after the other. `usd` is the price of the whole request in US
    dollars, for dialects that tell it (`Dialect.tells_price`).
    """

    pieces: tuple[str, ...]
    tool: str | None
    finish: str
    input_tokens: int
    output_tokens: int
    id_seed: int
    created_s: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    stop_sequence: str | None = None
    calls: tuple[Call, ...] = ()
    usd: float | None = None

    @property
    def text(self) -> str:
        """The pieces joined."""
        return "".join(self.pieces)

    @property
    def tool_calls(self) -> tuple[Call, ...]:
        """Each call of a tool; none if the answer is text."""
        if self.tool is None:
            return ()
        return self.calls or (Call(self.tool, self.pieces),)


@dataclass(slots=True)
class Reply:
    """A whole HTTP response."""

    status: int
    headers: Headers
    body: bytes


@dataclass(slots=True)
class Event:
    """One event of a stream: its bytes, and whether it carries a token (tokens are paced, the rest follow at once)."""

    data: bytes
    token: bool


class RequestRefused(Exception):  # noqa: N818 - it carries the vendor's refusal, it is no fault of ours
    """The request is one that the vendor refuses; `reply` is what the vendor would say."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"refused with status {reply.status}")
        self.reply = reply


class UnknownFailureError(ValueError):
    """A failure kind was asked for that this vendor does not have."""


class Dialect(ABC):
    """A vendor's wire format. Stateless; every method is a pure function of its arguments."""

    name: ClassVar[str]
    base_path: ClassVar[str]
    """What a client's base URL ends in after host and port, e.g. "/v1" for OpenAI, "" for Anthropic."""
    hosts: ClassVar[tuple[str, ...]] = ()
    """The vendor's own host names, the API's first; ``*`` stands for any one label, as a customer or a region."""
    answer_keys: ClassVar[tuple[str, ...]]
    """The JSON keys that carry an answer's content, in bodies and stream events: what a renaming drift renames."""
    failures: ClassVar[frozenset[str]]
    """The failure kinds that this vendor has; `failure` accepts exactly these."""
    key_example: ClassVar[str]
    """A made-up API key in the vendor's format."""
    body_bytes_max: ClassVar[int] = REQUEST_BYTES_MAX
    """The vendor's cap on a request's body, in bytes; beyond it the vendor says `request_too_large`."""
    repeats: ClassVar[bool] = True
    """Whether the same request always means the same."""
    tells_price: ClassVar[bool] = False
    """Whether its answers say what they cost, so that `Answer.usd` is wanted."""

    @abstractmethod
    def credential(self, headers: Mapping[str, str], path: str) -> str | None:
        """The credential the request came with, or None. `headers` have lower-case names."""

    @abstractmethod
    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Ask:
        """Understand a request. `path` is the request line's, with its query; `headers` have lower-case names.

        Raises:
            RequestRefused: when the vendor would refuse it (unknown path, malformed body, missing field).
        """

    def reader(self, method: str, path: str, headers: Mapping[str, str]) -> Callable[[bytes], Ask]:
        """What understands requests with this head, body by body, as `read` does.

        Raises:
            RequestRefused: when the vendor would refuse any of them.
        """
        return partial(self.read, method, path, headers)

    @abstractmethod
    def write(self, ask: Ask, answer: Answer) -> Reply:
        """The answer as one body."""

    @abstractmethod
    def stream_head(self, ask: Ask, answer: Answer) -> tuple[int, Headers]:
        """Status and headers of a streamed answer."""

    @abstractmethod
    def stream(self, ask: Ask, answer: Answer) -> Iterator[Event]:
        """The answer as a stream of events, its proper ending included."""

    @abstractmethod
    def write_failure(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """What `failure` says; `details` suit the request.

        Raises:
            UnknownFailureError: when the vendor has no such failure.
        """

    @abstractmethod
    def write_error(self, kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
        """What `error_event` says; `details` suit the request and the stream.

        Raises:
            UnknownFailureError: when the vendor has no such failure.
        """

    def suit(self, details: Mapping[str, Any], ask: Ask | None, after: bytes) -> Mapping[str, Any]:  # noqa: ARG002 - for some
        """`details` with what the request, and the stream `after` which an error comes, make of them.

        What a caller names itself stays. A vendor whose failures come in several forms overrides this.
        """
        return {"model": ask.model, **details} if ask is not None and ask.model else details

    def failure(self, kind: str, details: Mapping[str, Any], *, id_seed: int, ask: Ask | None = None) -> Reply:
        """The vendor's words for a failure before any answer.

        Args:
            kind: One of `failures`.
            details: What fills the words, named by the kind (e.g. `retry_after`, in seconds).
            id_seed: What ids in it depend on.
            ask: The request, if it was understood: some vendors suit a failure's form to it.

        Raises:
            UnknownFailureError: when the vendor has no such failure.
        """
        return self.write_failure(kind, self.suit(details, ask, b""), id_seed)

    def error_event(
        self, kind: str, details: Mapping[str, Any], *, id_seed: int, ask: Ask | None = None, after: bytes = b""
    ) -> bytes:
        """The vendor's words for a failure inside a stream that has begun.

        Args:
            kind: One of `failures`.
            details: What fills the words, as for `failure`.
            id_seed: What ids in it depend on.
            ask: The request, if it was understood.
            after: The stream so far, which some vendors' errors go on from; its first and its last event are enough.

        Raises:
            UnknownFailureError: when the vendor has no such failure.
        """
        return self.write_error(kind, self.suit(details, ask, after), id_seed)

    def answer_keys_of(self, ask: Ask | None) -> tuple[str, ...]:  # noqa: ARG002 - some vendors have several APIs
        """`answer_keys` as the API that `ask` came by has them, None for a request that was not understood."""
        return self.answer_keys

    def forget(self) -> None:  # noqa: B027 - nearly every dialect has nothing to forget
        """Forget what is kept between requests, which only a dialect whose answers depend on it has."""

    def is_stream(self, headers: Headers) -> bool:
        """Whether a response with these headers is a stream, whose bytes `split_events` cuts."""
        return any(name == "content-type" and "event-stream" in value for name, value in headers)

    def split_events(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut a stream's bytes into whole events (each with its delimiter) and the unfinished rest."""
        *events, rest = buffer.split(b"\n\n")
        return [event + b"\n\n" for event in events], rest

    @abstractmethod
    def map_event(self, event: bytes, change: Callable[[Any], Any]) -> bytes:
        """`event` with its JSON payload replaced by `change(payload)`; returned as it is if it has none."""
