"""What becomes of one attempt: made by the timeline, carried out by a host, the same for every host.

When several entries meet in one attempt, the first answer or hang in file order wins, delays add up, and changes of
the head and of the body are applied one after the other. Only the provider's own responses are changed: an answer
given in the provider's place stays as it is. An entry has bitten once it really changed something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from .attempt import AttemptRecord
from .base import LAST, Action, BodyFilter, Close, Context, Cut, Fault, Forward, Hang, Reset, Respond, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask, Dialect, Headers, RequestRefused

OWN_HEADERS: Final = "x-banstorm-"
"""Beginning of the headers that the fakes and the injector tell each other; the router never sees one."""
ATTEMPT_HEADER: Final = OWN_HEADERS + "attempt"
ENTRY_HEADER: Final = OWN_HEADERS + "entry"
"""In which a fake names the timeline entries that a response shows, joined by `JOINT`."""
JOINT: Final = "+"
EVENT_BYTES_MAX: Final = 1024 * 1024
"""Longest stream event that is held back until it is whole, in bytes; a longer one is passed on in parts."""

_AT_ONCE: Final = Forward()

Chosen = tuple[Fault, Callable[[], None]]
"""An entry that the timeline chose for an attempt: its fault, and what to call when it has bitten."""


class Plan:
    """One attempt's fate.

    A host carries out `action`, gives the head of the provider's response to `respond_head`, and its body to the `Body`
    that may come back.
    """

    __slots__ = ("_bitten", "_chosen", "_context", "action", "read", "record")

    def __init__(
        self,
        record: AttemptRecord,
        context: Context | None,
        chosen: Sequence[Chosen],
        bitten: Callable[[str], None] | None = None,
    ) -> None:
        self.record = record
        self.action: Action = _AT_ONCE
        self.read: Ask | RequestRefused | None = None
        """What the dialect made of the request, for a host that can spare the fake doing it again."""
        self._context = context
        self._chosen = chosen
        self._bitten = bitten
        if context is not None:
            record.keep = True
            self._decide(context)

    def _decide(self, context: Context) -> None:
        delay_s = 0.0
        final: Respond | Hang | Close | None = None
        for fault, bite in self._chosen:
            action = fault.on_request(context)
            if isinstance(action, Forward):
                if action.delay_s > 0:
                    delay_s += action.delay_s
                    bite()
            elif final is None:
                final = action
                bite()
        match final:
            case Respond():
                self.action = Respond(final.reply, final.delay_s + delay_s)
            case Close():
                self.action = Close(final.reset, final.delay_s + delay_s)
            case Hang():
                self.action = final
            case None:
                self.action = Forward(delay_s)

    @property
    def untouched(self) -> bool:
        """Whether nothing will change the provider's response."""
        return not self._chosen

    @property
    def at_once(self) -> bool:
        """Whether it is untouched, and nobody has thought of another action than to let it go on at once."""
        return not self._chosen and self.action is _AT_ONCE

    @property
    def hears(self) -> bool:
        """Whether the provider's response may name entries."""
        return self._bitten is not None

    def hear(self, headers: Iterable[tuple[str, str]]) -> None:
        """Take note of the entries that the provider's response names, by the headers as they came from it.

        Whoever passes the response on without `respond_head` calls this.
        """
        if self._bitten is None:
            return
        for name, value in headers:
            if name.lower() == ENTRY_HEADER:
                for entry in value.split(JOINT):
                    self._bitten(entry)

    def respond_head(self, status: int, headers: Headers) -> tuple[int, Headers, Body | None]:
        """The provider's status and headers as the router shall see them, and what filters the body, if anything.

        Headers come and go with lower-case names. A filtered body has no content-length here: a plain one gets it
        from its host, once it is whole; a stream, and a plain body that is paced, are sent chunked.
        """
        self.hear(headers)
        seen = [(name, value) for name, value in headers if not name.startswith(OWN_HEADERS)]
        if self._context is None:
            return status, seen, None
        streamed = self._context.dialect.is_stream(seen)
        original = (status, list(seen))
        filters: list[tuple[BodyFilter, Callable[[], None]]] = []
        paced = False
        for fault, bite in self._chosen:
            changed = fault.on_head(self._context, status, list(seen))
            if changed != (status, seen):
                status, seen = changed
                bite()
            if (body_filter := fault.body_filter(self._context, *original)) is not None:
                filters.append((body_filter, bite))
                paced = paced or fault.paced
        if not filters:
            return status, seen, None
        seen = [(name, value) for name, value in seen if name != "content-length"]
        return status, seen, Body(filters, self._context.dialect if streamed else None, paced=paced)


class Body:
    """A response's body on its way through the filters. A stream goes through event by event, a plain body whole.

    A stream, and a plain body that is paced, go on as they come; any other plain body is held back until it is whole.
    """

    __slots__ = ("_dialect", "_filters", "_rest", "cut", "over", "streamed")

    def __init__(
        self,
        filters: Sequence[tuple[BodyFilter, Callable[[], None]]],
        dialect: Dialect | None,
        *,
        paced: bool = False,
    ) -> None:
        self._filters = filters
        self._dialect = dialect  # None: a plain body
        self._rest = b""
        self.streamed = dialect is not None or paced
        """Whether `feed` takes the bytes as they come; otherwise it takes the whole body."""
        self.over = False
        """Whether a filter has said the last word: closed, stalled or ended the answer. Nothing follows then."""
        self.cut = False
        """Whether that word was to close the connection."""

    def feed(self, data: bytes) -> list[Step]:
        """What becomes of these bytes. An event that is not whole yet is held back, and a plain body until `close`."""
        if self._dialect is None:
            if not self.streamed:
                return self._run([data])
            self._rest += data
            return []
        events, self._rest = self._dialect.split_events(self._rest + data)
        if len(self._rest) > EVENT_BYTES_MAX:
            events, self._rest = [*events, self._rest], b""
        return self._run(events)

    def close(self) -> list[Step]:
        """What follows after the provider's last byte."""
        steps = self._run([self._rest]) if self._rest else []
        self._rest = b""
        for index, (body_filter, bite) in enumerate(self._filters):
            if self.over:
                break
            if last := list(body_filter.close()):
                bite()
                steps += self._through(last, index + 1)
        return steps

    def _run(self, pieces: Iterable[bytes]) -> list[Step]:
        steps: list[Step] = []
        for piece in pieces:
            if self.over:
                break
            steps += self._through([piece], 0)
        return steps

    def _through(self, steps: Sequence[Step], first: int) -> list[Step]:
        for body_filter, bite in self._filters[first:]:
            after: list[Step] = []
            for step in steps:
                if not isinstance(step, bytes):
                    after.append(step)
                    continue
                changed = list(body_filter.feed(step))
                if changed != [step]:
                    bite()
                after += changed
                if any(isinstance(each, LAST) for each in changed):
                    break
            steps = after
        if steps and isinstance(steps[-1], LAST):
            self.over = True
            self.cut = isinstance(steps[-1], Cut | Reset)
        return list(steps)
