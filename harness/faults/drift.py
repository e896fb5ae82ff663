"""A drift of the format: answers have another form from one moment to the next."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from ...scenarios.registry import Complaint
from . import drift_named
from .base import BodyFilter, Context, Fault
from .drift_change import OPERATIONS_MAX, RULES_MAX, Change, EventRule, HeaderChange
from .drift_filter import PlainDrift, StreamDrift
from .json_patch import Operation

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers


def _known(name: str) -> str:
    known = drift_named.names()
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`banstorm list drifts` shows them all"
    raise ValueError(f"unknown drift {name!r}: {hint}")


_NAMES = WithJsonSchema({"type": "string", "enum": list(drift_named.names())})
"""Every named drift, so that editors complete it."""


class Drift(Fault):
    """Change the form of answers: a named drift that really happened, or JSON Patch operations of your own.

    Operations are RFC 6902's (add, remove, replace, move, copy, test) and `rename`, done on plain bodies and on each
    event of a stream. In a pointer `*` stands for every member or element, as in `/choices/*/delta/content`. An
    operation whose place isn't there is passed over; a `test` that fails leaves the body or event as it is. What
    keeps its bytes has not been bitten. `events` has rules for some events of a stream, by number or by what they
    hold, which may also insert events or leave some out; `headers` changes headers.

    The request reaches the provider, which answers and bills as ever: only the answer's form changes on its way.
    """

    phase = "body"
    reaches_provider = True
    billed = True

    named: Annotated[str, AfterValidator(_known), _NAMES] | None = Field(
        default=None,
        max_length=100,
        description="a drift that really happened (`banstorm list drifts`), in place of operations",
    )
    responses: Annotated[str, Field(pattern="^(answers|failures|all)$")] = Field(
        default="answers", description="answers (status 2xx), failures (4xx and 5xx), or all"
    )
    operations: list[Operation] = Field(
        default=[], max_length=OPERATIONS_MAX, description="changes of plain bodies and of every event of a stream"
    )
    plain: list[Operation] = Field(default=[], max_length=OPERATIONS_MAX, description="changes of plain bodies alone")
    events: list[EventRule] = Field(
        default=[], max_length=RULES_MAX, description="changes of some events of a stream, one rule after the other"
    )
    headers: list[HeaderChange] = Field(default=[], max_length=RULES_MAX, description="changes of headers")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.named is not None and (self.model_fields_set - {"named"}):
            raise ValueError("'named' says it all: leave the rest out, or write the operations without it")
        return self

    @property
    def change(self) -> Change:
        """What changes."""
        if self.named is not None:
            return drift_named.find(self.named)
        given: dict[str, Any] = {name: getattr(self, name) for name in Change.model_fields}
        return Change.model_construct(**given)

    @property
    def picks(self) -> bool:
        """Whether some answers hold nothing that it changes."""
        return self.change.is_partial

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """A drift that changes nothing, or one of another vendor's."""
        yield from super().complaints(dialect)
        if self.change.is_empty:
            yield Complaint(("with",), "the drift changes nothing", "name one, or give operations")
        if self.named is not None and dialect.name not in drift_named.find(self.named).dialects:
            its = " and ".join(drift_named.find(self.named).dialects)
            able = ", ".join(drift_named.of_dialect(dialect.name)) or "none"
            yield Complaint(
                ("with", "named"),
                f"{self.named!r} is a drift of {its}, not of {dialect.name}",
                f"drifts of {dialect.name}: {able}",
            )

    def on_head(self, context: Context, status: int, headers: Headers) -> tuple[int, Headers]:
        """Change headers."""
        if self.change.concerns(status):
            for each in self.change.headers:
                headers = each.apply(headers)
        return status, headers

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for the responses it is about."""
        change = self.change
        if not change.concerns(status):
            return None
        if context.dialect.is_stream(headers):
            return StreamDrift(change, context.dialect) if change.operations or change.events else None
        operations = [*change.operations, *change.plain]
        return PlainDrift(operations) if operations else None


FAULT = Drift
