"""A stream that ends in an error of the provider's, in its own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ...fakes.dialects.base import UnknownFailureError
from ...scenarios.registry import Complaint
from .base import BodyFilter, Context, End, Fault, Step
from .ending import Ending
from .places import WITHIN, PlaceField
from .spoken import DETAILS_MAX, Detail, Value

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers


class ErrorEvent(Fault):
    """End a streamed answer with an error event in the vendor's words, status 200 long sent; plain answers pass."""

    phase = "ending"
    reaches_provider = True
    billed = True

    kind: str = Field(
        default="overloaded", min_length=1, max_length=60, description="the failure, one that the vendor has"
    )
    variant: str | None = Field(
        default=None, min_length=1, max_length=60, description="other words that the vendor has for it, by their name"
    )
    details: dict[Detail, Value] = Field(
        default={}, max_length=DETAILS_MAX, description="details of the vendor's words, by their name"
    )
    after: PlaceField = Field(
        default="8 tokens", validate_default=True, description=f"what still gets through: {WITHIN}"
    )

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """Failures, or words for them, that the vendor doesn't have."""
        yield from super().complaints(dialect)
        try:
            dialect.error_event(self.kind, self._told(), id_seed=0)
        except UnknownFailureError as error:
            able = ", ".join(sorted(dialect.failures))
            yield Complaint(("with", "kind"), str(error), f"{dialect.name} has {able}")
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:  # of free-form details
            yield Complaint(("with",), f"{dialect.name!r} can't say {self.kind!r} so: {error}", "change the details")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None

        def say(first: bytes, last: bytes) -> Sequence[Step]:
            said = context.dialect.error_event(
                self.kind,
                self._told(now_s=context.wall_s),
                id_seed=context.id_seed,
                ask=context.ask,
                after=first if first is last else first + last,
            )
            return [said, End()]

        return Ending(self.after, context.dialect, say)

    def _told(self, **more: Any) -> dict[str, Any]:
        variant = {} if self.variant is None else {"variant": self.variant}
        return {**more, **variant, **self.details}


FAULT = ErrorEvent
