"""What a fault is: a parameter model and a few pure decisions, the same in every host.

A fault does no I/O and knows no host. The wrapper (`banstorm.harness.faults.timeline`) decides from the clock, the
selectors and the seed whether an entry bites; the host (`injector`: mitmproxy; `inline`: ASGI) carries out what the
fault answers. A fault's file defines ``FAULT``, a subclass of `Fault`; its name is the file's name. Its docstring's
first line and its fields' descriptions are the documentation that the catalogue and the schema show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask, Dialect, Headers, Reply
    from ...scenarios.registry import Complaint


class Host(StrEnum):
    """Where a fault can be carried out."""

    MITMPROXY = "mitmproxy"
    INLINE = "inline"


@dataclass(frozen=True, slots=True)
class Context:
    """The request a fault decides about. `ask` is None when the body could not be understood.

    `wall_s` is when it came, in seconds since 1970, for what names a moment; `path` is the request line's without its
    query. `body_bytes` is the size of its body.
    """

    dialect: Dialect
    provider: str
    ask: Ask | None
    id_seed: int
    wall_s: float = 1_767_225_600.0  # the start of 2026, if nobody says
    path: str = ""
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Forward:
    """Let the request go on to the provider, `delay_s` seconds later."""

    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer in the provider's place, `delay_s` seconds later; the provider never sees the request."""

    reply: Reply
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing until the caller gives up or the run ends; the provider never sees the request."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection without an answer, `delay_s` seconds later; the provider never sees the request.

    `reset` sends a TCP reset (the caller's ECONNRESET), else the connection ends in order (FIN, an end of file).
    """

    reset: bool = False
    delay_s: float = 0.0


Action = Forward | Respond | Hang | Close


@dataclass(frozen=True, slots=True)
class Pause:
    """A step of a body filter: wait `seconds` before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """A step of a body filter: close the connection here (FIN), without a proper ending."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A step of a body filter: reset the connection here (RST), once what was sent before has left."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A step of a body filter: send nothing more until the caller gives up or the run ends, the connection open.

    With a `beat`, these bytes are sent every `every_s` seconds meanwhile.
    """

    beat: bytes = b""
    every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class End:
    """A step of a body filter: end the body properly here, whatever the provider would still say."""


Step = bytes | Pause | Cut | Reset | Stall | End
LAST: Final = (Cut, Reset, Stall, End)
"""Steps that nothing follows."""


class BodyFilter(Protocol):
    """Changes a response's body on its way; sans I/O. For streams `feed` gets whole events."""

    def feed(self, data: bytes) -> Sequence[Step]:
        """What becomes of `data` (one whole event of a stream, or a whole plain body)."""

    def close(self) -> Sequence[Step]:
        """What follows after the last data."""


class Fault(BaseModel):
    """A fault's parameters. Override the abilities it has; the rest lets traffic through untouched."""

    # Strict: true is no number, and neither is "5". A field of a type that YAML lacks, as a date, says strict=False.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    hosts: ClassVar[frozenset[Host]] = frozenset(Host)
    """Where it can be carried out."""
    phase: ClassVar[str] = "answer"
    """What it acts on: answer, latency, head, body, ending or none. Two of one phase can't act on one exchange."""
    reaches_provider: ClassVar[bool]
    """Whether the request reaches the provider."""
    billed: ClassVar[bool]
    """Whether the provider bills for it."""
    in_flight: ClassVar[str] = "left alone"
    """What happens to streams that are under way when the window opens."""
    failure_kind: ClassVar[str | None] = None
    """The failure of `Dialect.failures` that it plays, if it plays one; a vendor without it is refused by name."""

    paced: ClassVar[bool] = False
    """Whether its filter takes other steps than bytes in plain bodies, too: these are then sent in chunks.

    Without it a plain body is held back until it is whole, and sent with its Content-Length.
    """
    door: ClassVar[Literal["refused", "unreachable"] | None] = None
    """What happens to new connections while the window is open: the host shuts the provider's door.

    Such a fault acts on connections, before there is a request: it takes no selector and no share.
    """
    needs_tls: ClassVar[bool] = False
    """Whether it acts on TLS handshakes, which only a listener that speaks TLS has."""

    @property
    def picks(self) -> bool:
        """Whether it lets some of the requests that its entry selects pass, whatever the entry's share."""
        return False

    def complaints(self, dialect: Dialect) -> Iterable[Complaint]:
        """What of its parameters this vendor can't play; said before anything starts."""
        return ()

    def in_window(self, since_s: float, window_s: float) -> Fault:
        """The fault as it is `since_s` seconds after its window of `window_s` seconds opened, for one that changes."""
        return self

    def on_request(self, context: Context) -> Action:
        """What to do with a request that this entry bites."""
        return Forward()

    def on_head(self, context: Context, status: int, headers: Headers) -> tuple[int, Headers]:
        """The response's status and headers as the router shall see them."""
        return status, headers

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for this response's body, None to let it pass."""
        return None
