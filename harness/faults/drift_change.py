"""What a drift changes, as a scenario or a drift's own file says it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .json_patch import Json, Operation, Pointer, found, same

OPERATIONS_MAX: Final = 64
"""Operations of one list."""
RULES_MAX: Final = 16
"""Rules about a stream's events, and changes of headers, of one drift."""
INSERTED_MAX: Final = 8
"""Events that a rule inserts before or after an event."""
_HOP: Final = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|-]+")


def _name(value: str) -> str:
    name = value.lower()
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"expected the name of a header; found {value!r}")
    if name in _HOP or name.startswith("x-banstorm-"):
        raise ValueError(f"{value!r} belongs to the connection, no drift can change it")
    return name


HeaderName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_name)]
HeaderValue = Annotated[str, Field(max_length=1000, pattern=r"^[\x20-\x7e]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeaderChange(_Part):
    """A header that comes, goes, or gets another name or value."""

    op: Literal["add", "remove", "replace", "rename"] = Field(description="what is done")
    name: HeaderName = Field(description="the header; capitals make no difference")
    value: HeaderValue | None = Field(default=None, description="the value that is added or replaced with")
    to: HeaderName | None = Field(default=None, description="the name that a rename gives")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.value is not None) != (self.op in ("add", "replace")):
            raise ValueError("'value' belongs to add and replace, which need it")
        if (self.to is not None) != (self.op == "rename"):
            raise ValueError("'to' belongs to rename, which needs it")
        return self

    def apply(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers after the change; a header that isn't there is neither replaced nor renamed."""
        match self.op:
            case "add":
                return [*headers, (self.name, self.value or "")]
            case "remove":
                return [each for each in headers if each[0] != self.name]
            case "replace":
                return [(name, self.value or "") if name == self.name else (name, value) for name, value in headers]
        return [(self.to or "", value) if name == self.name else (name, value) for name, value in headers]


class Inserted(_Part):
    """An event that is inserted: `payload`, or else a copy of the event beside it, after `operations`."""

    payload: dict[str, Json] | None = Field(default=None, description="its JSON; the neighbour's if absent")
    operations: list[Operation] = Field(default=[], max_length=OPERATIONS_MAX, description="what is changed in it")


class EventRule(_Part):
    """What becomes of some events of a stream."""

    number: int | None = Field(
        default=None, ge=0, le=100_000, description="only the event with this number; those with JSON count, from 0"
    )
    has: Pointer | None = Field(default=None, description="only events that have something here")
    value: Json = Field(default=None, description="only events that have this value there")
    times: int | None = Field(default=None, ge=1, le=100_000, description="at most so many events of a stream")
    operations: list[Operation] = Field(default=[], max_length=OPERATIONS_MAX, description="what is changed in them")
    before: list[Inserted] = Field(default=[], max_length=INSERTED_MAX, description="events inserted before each")
    after: list[Inserted] = Field(default=[], max_length=INSERTED_MAX, description="events inserted after each")
    drop: bool = Field(default=False, description="whether the events themselves are left out")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if "value" in self.model_fields_set and self.has is None:
            raise ValueError("'value' needs 'has', the place to look at")
        if not (self.operations or self.before or self.after or self.drop):
            raise ValueError("a rule needs operations, events to insert, or drop")
        return self

    def chooses(self, number: int, payload: object) -> bool:
        """Whether it means the event with that number and JSON."""
        if self.number not in (None, number):
            return False
        if self.has is None:
            return True
        there = found(payload, self.has)
        if "value" in self.model_fields_set:
            return any(same(each, self.value) for each in there)
        return bool(there)


class Change(_Part):
    """All that a drift changes of the responses that it is about."""

    responses: Literal["answers", "failures", "all"] = Field(
        default="answers", description="answers (status 2xx), failures (4xx and 5xx), or all"
    )
    operations: list[Operation] = Field(
        default=[], max_length=OPERATIONS_MAX, description="changes of plain bodies and of every event of a stream"
    )
    plain: list[Operation] = Field(default=[], max_length=OPERATIONS_MAX, description="changes of plain bodies alone")
    events: list[EventRule] = Field(
        default=[], max_length=RULES_MAX, description="changes of some events of a stream; the first rule comes first"
    )
    headers: list[HeaderChange] = Field(default=[], max_length=RULES_MAX, description="changes of headers")

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.operations or self.plain or self.events or self.headers)

    @property
    def is_partial(self) -> bool:
        """Whether it is about some of the answers only: streams, plain bodies, or none."""
        whole = self.operations or self.headers or (self.plain and self.events)
        return self.responses == "failures" or not whole

    def concerns(self, status: int) -> bool:
        """Whether it is about responses of that status."""
        if self.responses == "all":
            return True
        return status < 300 if self.responses == "answers" else status >= 400
