"""The faults that are a failure kind in the vendor's words: what they have in common.

A fault of this kind is a file that names the kind, and what of the words a scenario may choose. The words themselves
are in `fakes/dialects`, so a fault and a fake say the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import Field

from ...fakes.dialects.base import Ask, Reply, UnknownFailureError
from ...scenarios.registry import Complaint
from .base import Action, Context, Fault, Forward, Respond

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...fakes.dialects.base import Dialect

DETAILS_MAX: Final = 16
"""Details of the vendor's words that an entry may name."""
_PROBES: Final = (None, Ask("model", stream=True, text="", mark=None, input_tokens=9))
"""Requests by which is told beforehand what the vendor would say."""

Detail = Annotated[str, Field(min_length=1, max_length=60)]
Value = Annotated[str, Field(max_length=1000)] | int | float | bool


class Spoken(Fault):
    """Answers in the provider's place with one failure, in the vendor's words."""

    reaches_provider = False
    billed = False
    spoken: ClassVar[tuple[str, ...]] = ("variant", "details")
    """Parameters that the vendor's words depend on: one that changes no byte of them is refused beforehand."""

    variant: str | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="other words that the vendor has for it, by their name; the usual ones if absent",
    )
    details: dict[Detail, Value] = Field(
        default={}, max_length=DETAILS_MAX, description="details of the vendor's words, by their name"
    )

    @property
    def kind(self) -> str:
        """The failure, one of `Dialect.failures`."""
        return self.failure_kind or ""

    def concerns(self, context: Context) -> bool:
        """Whether it is this request that is refused."""
        return True

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words; `details` go before it."""
        return {"now_s": context.wall_s} if self.variant is None else {"now_s": context.wall_s, "variant": self.variant}

    def say(self, context: Context) -> Reply:
        """The failure as the vendor says it.

        Raises:
            UnknownFailureError: when the vendor has no such failure, or not in these words.
        """
        return words_of(self.kind, {**self.told(context), **self.details}, context)

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        return Respond(self.say(context)) if self.concerns(context) else Forward()

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """Words that the vendor doesn't have, and parameters that change nothing of what it says."""
        yield from super().complaints(dialect)
        said = self.foretell(dialect)
        if isinstance(said, str):
            culprit = next(
                (name for name in self._given() if not isinstance(self._without(name).foretell(dialect), str)), ""
            )
            yield Complaint(("with", culprit) if culprit else (), said, "leave it out, or name another")
            return
        for name in self._given():
            if name != "details" and self._without(name).foretell(dialect) == said:
                what = f"{dialect.name!r} says {self.kind!r} in words that {name} changes nothing of"
                yield Complaint(("with", name), what, "leave it out for this provider")
        for detail in self.details:
            rest = {key: value for key, value in self.details.items() if key != detail}
            if self.model_copy(update={"details": rest}).foretell(dialect) == said:
                what = f"{dialect.name!r} says {self.kind!r} in words that no {detail!r} changes anything of"
                yield Complaint(("with", "details", detail), what, "leave it out for this provider")
        if not all(_sendable(reply) for reply in said):
            yield Complaint(
                ("with",), "a header can't carry that text", "use printable Latin letters and no line breaks"
            )

    def foretell(self, dialect: Dialect) -> list[Reply] | str:
        """What the vendor would say to the probes, or why it can't."""
        try:
            return [self.say(Context(dialect, "", ask, id_seed=0)) for ask in _PROBES]
        except UnknownFailureError as error:
            return str(error)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:  # of free-form details
            return f"{dialect.name!r} can't say {self.kind!r} with these details: {error}"

    def _given(self) -> list[str]:
        fields = type(self).model_fields
        return [name for name in self.spoken if getattr(self, name) != fields[name].default]

    def _without(self, name: str) -> Spoken:
        return self.model_copy(update={name: type(self).model_fields[name].default})


def words_of(kind: str, details: Mapping[str, Any], context: Context) -> Reply:
    """The failure `kind` in the vendor's words, as they suit the request.

    Raises:
        UnknownFailureError: when the vendor has no such failure, or not in these words.
    """
    return context.dialect.failure(kind, details, id_seed=context.id_seed, ask=context.ask)


def _sendable(reply: Reply) -> bool:
    return all(value.isprintable() and value.isascii() for _, value in reply.headers)
