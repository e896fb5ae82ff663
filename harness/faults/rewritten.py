"""Answers that are not what was asked for: the provider answers and bills, and other words come out.

What these faults have in common. The provider's own answer is swallowed, and the dialect writes another one in its
place, in the form that was asked for and at the provider's own pace: each event of the one stream lets one of the other
go, and what is left comes at the end.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from ...fakes.compose import compose
from ...fakes.dialects import GENERIC
from ...scenarios.registry import Complaint
from .base import BodyFilter, Context, End, Fault, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask, Dialect, Headers


class Rewritten(Fault):
    """Puts other words in place of an answer's; refusals, and what is no chat, keep theirs."""

    phase = "body"
    reaches_provider = True
    billed = True
    ends_early: ClassVar[bool] = False
    """Whether a stream ends with the other answer, so that the provider, left in the middle, produces no more."""

    @abstractmethod
    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer | bytes | None:
        """What is said in place of `answer`, the one that a fake gives to `ask`.

        Another answer, or the bytes of a body or of a whole stream; None leaves the provider's.
        """

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """A service that answers without words."""
        yield from super().complaints(dialect)
        if dialect.name == GENERIC:
            yield Complaint((), f"answers of {dialect.name!r} are no model's", "leave this provider out of `on`")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter that says something else."""
        ask = context.ask
        if status >= 300 or ask is None or ask.operation != "chat":
            return None
        ask = replace(ask, stream=context.dialect.is_stream(headers))
        said = compose(ask, context.provider, id_seed=context.id_seed, created_s=int(context.wall_s))
        other = self.rewrite(context, ask, said)
        if other is None or other == said:
            return None
        return _Other(written(context.dialect, ask, other), ends_early=self.ends_early and ask.stream)


def written(dialect: Dialect, ask: Ask, answer: Answer | bytes) -> list[bytes]:
    """The events of a stream, or the one body, that say an answer; bytes are taken for those of either."""
    if isinstance(answer, bytes):
        if not ask.stream:
            return [answer]
        events, rest = dialect.split_events(answer)
        return [*events, rest] if rest else events
    if not ask.stream:
        return [dialect.write(ask, answer).body]
    return [event.data for event in dialect.stream(ask, answer) if event.data]


class _Other:
    """Lets a piece of the other answer go for each piece of the provider's."""

    def __init__(self, pieces: list[bytes], *, ends_early: bool) -> None:
        self._pieces = pieces
        self._gone = 0
        self._ends_early = ends_early

    def feed(self, data: bytes) -> Sequence[Step]:
        self._gone += 1
        steps: list[Step] = [*self._pieces[self._gone - 1 : self._gone]]
        return [*steps, End()] if self._ends_early and self._gone >= len(self._pieces) else steps

    def close(self) -> Sequence[Step]:
        rest, self._gone = self._pieces[self._gone :], len(self._pieces)
        return rest
