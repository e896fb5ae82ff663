"""What a front dialect is: how a caller writes a request to the router and reads what comes back. Sans I/O.

A front is one file beside this one that defines ``FRONT``, an instance of a subclass of `Front`, and is found by its
file's name.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import orjson

from ...fakes.answer import Mark, Shape
from ..chance import chance
from .sse import SseError, SseSplitter

TOKENS_PER_WORD: Final = 4
"""Room that a request leaves for each word, in tokens of any tokenizer."""
TOKENS_SPARE: Final = 64
"""Room that a request leaves for what surrounds the words, in tokens."""
FILLERS: Final = (
    "The quarterly report needs a short summary for the board.",
    "A customer writes that the parcel arrived two days late.",
    "Please keep the tone friendly and the wording plain.",
    "The meeting notes list four decisions and two open questions.",
    "Compare the two offers and name the better one.",
    "The sensor in hall three reported a drop in pressure.",
    "Translate the paragraph and keep every number as it is.",
    "The draft contract mentions a notice period of six weeks.",
)
"""Sentences that make a prompt look like a prompt. They carry nothing: only the mark at the end does."""
NAME_CHARS_MAX: Final = 80
"""Characters of an error's name."""
_UNREADABLE: Final = (SseError, ValueError, TypeError, KeyError, IndexError, AttributeError)


@dataclass(slots=True)
class Heard:
    """What an answer said, as the official client of its dialect would hand it to a program.

    `text` is the text content, `arguments` the tool calls' arguments joined, `tool` the first tool's name. `ended` says
    that the dialect's own end was seen (``[DONE]`` and a finish reason; a whole body). `error` is the type
    or code of an error that the answer itself reported; `malformed` what made it unreadable.
    """

    text: str = ""
    tool: str | None = None
    arguments: str = ""
    finish: str | None = None
    ended: bool = False
    error: str | None = None
    malformed: str | None = None
    model: str | None = None
    output_tokens: int | None = None


class StreamReader(ABC):
    """Reads one streamed answer, piece by piece. `first` turns true with the first content; `over` at the end."""

    __slots__ = ("first", "heard", "over")

    def __init__(self) -> None:
        self.heard = Heard()
        self.first = False
        self.over = False

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body, cut anywhere."""

    @abstractmethod
    def close(self) -> None:
        """The body has ended: settle what is still pending."""


class SseReader(StreamReader):
    """Reads server-sent events. One that can't be read makes the answer malformed, and is the last one looked at."""

    __slots__ = ("splitter",)

    def __init__(self) -> None:
        super().__init__()
        self.splitter = SseSplitter()

    @abstractmethod
    def take(self, event: bytes) -> None:
        """Take an event's data."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; what follows the end is not looked at, as in the SDKs."""
        if self.over:
            return
        try:
            for event in self.splitter.feed(data):
                self.take(event)
                if self.over:
                    return
        except _UNREADABLE as error:
            self.heard.malformed = f"malformed_event: {type(error).__name__}"
            self.over = True

    def close(self) -> None:
        """The body has ended; an unfinished event is dropped, as in the SDKs."""


class Writer(ABC):
    """Writes the requests of one run; what all calls have in common is rendered once."""

    @abstractmethod
    def body(self, mark: Mark, *, stream: bool, prompt: int | None = None) -> bytes:
        """The request's body for a call; `prompt` words of filler come before the mark, two sentences if None."""


class FrameWriter(Writer):
    """Renders each shape once, with a hole for the prompt; a call's body is then three joined byte strings."""

    hole: ClassVar[str] = "banstorm-hole"

    def __init__(self, model: str, seed: int) -> None:
        self.model = model
        self._seed = seed
        self._frames: dict[tuple[Shape, bool, int], tuple[bytes, bytes]] = {}

    @abstractmethod
    def request(self, shape: Shape, words: int, *, stream: bool) -> dict[str, Any]:
        """The request's object for an answer of so many words; `hole` stands where the prompt will."""

    def body(self, mark: Mark, *, stream: bool, prompt: int | None = None) -> bytes:
        """The request's body for a call: filler, the mark at the end, and the shape's way to ask for it."""
        key = (mark.shape, stream, mark.words)
        frame = self._frames.get(key)
        if frame is None:
            whole = orjson.dumps(self.request(mark.shape, mark.words, stream=stream))
            before, _, after = whole.partition(self.hole.encode())
            frame = self._frames[key] = (before, after)
        # Neither filler nor mark holds a character that JSON escapes.
        words = filler(self._seed, mark.call, prompt).encode()
        return b"%b%b %b%b" % (frame[0], words, mark.render().encode(), frame[1])


def room(words: int) -> int:
    """The output limit of a request for an answer of so many words, in tokens of any tokenizer."""
    return TOKENS_PER_WORD * words + TOKENS_SPARE


class Front(ABC):
    """A dialect that routers offer to their callers."""

    name: ClassVar[str]
    path: ClassVar[str]
    """What follows the base URL."""
    error_keys: ClassVar[tuple[str, ...]] = ("code", "type")
    """Where an error object's name stands, the best place first."""

    @abstractmethod
    def headers(self, api_key: str | None) -> dict[str, str]:
        """The headers that every request of this dialect carries."""

    @abstractmethod
    def writer(self, model: str, seed: int) -> Writer:
        """A writer of requests for `model`; the filler before a mark is drawn by `seed` and the call."""

    @abstractmethod
    def stream_reader(self) -> StreamReader:
        """A reader for one streamed answer with a 2xx status."""

    @abstractmethod
    def read(self, body: Any) -> Heard:
        """Understand the object of a plain answer with a 2xx status; what it raises makes the answer malformed."""

    def read_body(self, body: bytes) -> Heard:
        """Understand a whole body. One that is no JSON object is `malformed`, its text kept as the answer's text."""
        try:
            return self.read(orjson.loads(body))
        except _UNREADABLE as error:
            malformed = f"malformed_body: {type(error).__name__}"
            return Heard(text=body.decode("utf-8", "replace"), malformed=malformed, ended=True)

    def read_error(self, status: int, body: bytes) -> str:
        """What the ``error`` of an answer without a 2xx status calls itself; ``http_<status>`` if it has no name."""
        try:
            return error_name(orjson.loads(body)["error"], self.error_keys) or f"http_{status}"
        except (ValueError, TypeError, KeyError):
            return f"http_{status}"


def json_headers(api_key: str | None) -> dict[str, str]:
    """JSON both ways, and a bearer key if there is one."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def error_name(error: Any, keys: Sequence[str] = ("code", "type")) -> str | None:
    """How to call an error object: the first of `keys` that says something; a bare string is its own name."""
    if isinstance(error, str):
        return error[:NAME_CHARS_MAX]
    if isinstance(error, dict):
        for key in keys:
            if value := error.get(key):
                return str(value)[:NAME_CHARS_MAX]
    return None


_WORDS: Final = " ".join(FILLERS).split()
_ROUND: Final = " ".join(_WORDS) + " "
_BEGINS: Final = [match.start() for match in re.finditer(r"\S+", _ROUND * 2)]


def filler(seed: int, call: int, words: int | None = None) -> str:
    """What stands before a call's mark, drawn by the seed: two sentences, or so many words in a row from them."""
    if words is not None:
        first = int(chance(seed, "filler", call) * len(_WORDS))
        rounds, rest = divmod(words, len(_WORDS))
        twice, begin = _ROUND * 2, _BEGINS[first]
        return (twice[begin : begin + len(_ROUND)] * rounds + twice[begin : _BEGINS[first + rest]]).rstrip()
    point = int(chance(seed, "filler", call) * len(FILLERS) ** 2)
    first, second = divmod(point, len(FILLERS))
    return f"{FILLERS[first]} {FILLERS[second]}"


def fronts() -> list[str]:
    """Every front's name, sorted: the files that define one."""
    beside = Path(__file__).parent.glob("*.py")
    # Read, not imported: the files around them load Locust, which patches sockets.
    return sorted(each.stem for each in beside if "\nFRONT = " in each.read_text("utf-8"))


def find_front(name: str) -> Front:
    """The front in the file ``<name>.py``.

    Raises:
        LookupError: no such file.
    """
    try:
        module = importlib.import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        raise LookupError(f"no front dialect is called {name!r}; fronts are the files of harness/load") from error
    front: Front = module.FRONT
    return front
