"""A service's definition as its file has it: structure, defaults, limits. `_http_service_compile` has its meaning."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .base import REQUEST_BYTES_MAX

NAME: Final = r"^[a-z][a-z0-9_-]{0,31}$"
ROUTES_MAX: Final = 200
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "ANY")
"""Methods that a route may have; a route of `ANY` takes each that no other route of its path has."""
PAGE_MAX: Final = 1000
"""Most items of one page."""

_HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS: Final = frozenset(
    {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"}
)
_ROUTE: Final = re.compile(r"([A-Z]+) (/\S*)")
_BLANK: Final = re.compile(r"\{([a-z_][a-z0-9_]*)(\*?)\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _headers(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is no header's name: write it in lower case")
        if name in _OURS or name.startswith("x-banstorm-"):
            raise ValueError(f"the header {name!r} is not for a service to choose")
    return value


HeaderTemplates = Annotated[dict[str, str | int], Field(max_length=100), AfterValidator(_headers)]
Status = Annotated[int, Field(ge=200, le=599)]


class Auth(_Part):
    """How a request shows its credential."""

    kind: Literal["bearer", "basic", "header", "query", "none"]
    name: str | None = Field(default=None, max_length=100, description="the header or query parameter it stands in")
    example: str = Field(default="anonymous", min_length=1, max_length=500, description="a made-up credential")

    @model_validator(mode="after")
    def _named(self) -> Auth:
        if (self.kind in {"header", "query"}) != (self.name is not None):
            raise ValueError(f"auth of kind {self.kind} needs {'a' if self.name is None else 'no'} name")
        if self.kind == "header" and not _HEADER.fullmatch(self.name or ""):
            raise ValueError(f"{self.name!r} is no header's name: write it in lower case")
        if (self.kind == "none") != ("example" not in self.model_fields_set):
            raise ValueError(
                f"auth of kind {self.kind} {'has no example' if self.kind == 'none' else 'needs an example'}"
            )
        return self


class Answer(_Part):
    """What is answered. A body is a template; without one the answer has none."""

    status: Status = 200
    headers: HeaderTemplates = {}
    body: Any = None

    @property
    def has_body(self) -> bool:
        """Whether a body was given, be it null."""
        return "body" in self.model_fields_set

    @model_validator(mode="after")
    def _possible(self) -> Answer:
        if self.has_body and self.status in {204, 205, 304}:
            raise ValueError(f"an answer of status {self.status} has no body")
        return self


class Case(Answer):
    """An answer for some requests: those whose values are the ones in `when`."""

    when: dict[str, Any] = Field(min_length=1, max_length=20)


class Page(_Part):
    """How a list is asked for in parts: the names of the query parameters."""

    size: int = Field(default=10, ge=1, le=PAGE_MAX)
    limit: str = "limit"
    after: str = "after"


class Example(_Part):
    """A request that is answered well: what stands in the path's blanks, in the query, and in the body."""

    path: dict[str, str] = {}
    query: dict[str, str] = {}
    body: Any = None


class Route(_Part):
    """One operation: what it takes, what it keeps, what it answers."""

    route: str = Field(max_length=500)
    query_schema: dict[str, Any] | None = Field(default=None, alias="query")
    body_schema: dict[str, Any] | None = Field(default=None, alias="body")
    idempotency: str | None = Field(default=None, max_length=100, description="header whose value makes a repeat safe")
    keep: str | None = Field(default=None, pattern=NAME, description="collection that the answer is kept in, by its id")
    give: str | None = Field(default=None, pattern=NAME, description="collection that `item` is taken from")
    remove: str | None = Field(default=None, pattern=NAME, description="the same, and it is gone then")
    listing: str | None = Field(
        default=None, alias="list", pattern=NAME, description="collection that `items` are taken from"
    )
    by: str | None = Field(default=None, max_length=200, description="where the id of `item` stands")
    page: Page = Page()
    counted_as: str | None = Field(default=None, max_length=200, description="what quotas and invoices call it")
    cases: Annotated[list[Case], Field(max_length=50)] = []
    answer: Answer
    example: Example | None = None

    @model_validator(mode="after")
    def _possible(self) -> Route:
        match = _ROUTE.fullmatch(self.route)
        if match is None or match[1] not in METHODS:
            raise ValueError(f"route {self.route!r} is not like 'POST /v1/charges'; methods are {', '.join(METHODS)}")
        rest = _BLANK.sub("", self.path)
        if "{" in rest or "}" in rest or "?" in rest or "*}/" in self.path:
            raise ValueError(f"route {self.route!r}: a blank is {{name}}, or {{name*}} for all that follows; no query")
        if len(set(self.blanks)) != len(self.blanks):
            raise ValueError(f"route {self.route!r} has a blank twice")
        if sum(each is not None for each in (self.give, self.remove, self.listing)) > 1:
            raise ValueError("a route has one of give, remove and list")
        if self.by is not None and not (self.give or self.remove):
            raise ValueError("'by' needs give or remove: it says which item")
        if self.idempotency is not None and not _HEADER.fullmatch(self.idempotency):
            raise ValueError(f"{self.idempotency!r} is no header's name: write it in lower case")
        return self

    @property
    def method(self) -> str:
        """The method, `ANY` for whatever other routes of the path leave."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path with its blanks."""
        return self.route.partition(" ")[2]

    @property
    def blanks(self) -> tuple[str, ...]:
        """The names of the path's blanks."""
        return tuple(name for name, _ in _BLANK.findall(self.path))

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path must be, a group for each blank."""
        parts = _BLANK.split(self.path)
        found = "".join(
            re.escape(part) + ("" if index + 1 >= len(parts) else "(.*)" if parts[index + 2] else "([^/]+)")
            for index, part in enumerate(parts)
            if index % 3 == 0
        )
        return re.compile(found, re.DOTALL)

    @property
    def item_from(self) -> str | None:
        """The collection that `item` comes from."""
        return self.give or self.remove


class Words(_Part):
    """How a failure is told: what it leaves out is as in the form of all errors."""

    status: Status | None = None
    message: str | None = Field(default=None, max_length=5000)
    fill: dict[str, Any] = Field(default={}, alias="with", max_length=50, description="what fills the form's blanks")
    headers: HeaderTemplates = {}
    body: Any = None

    @property
    def has_body(self) -> bool:
        """Whether it has a body of its own."""
        return "body" in self.model_fields_set


class Failure(Words):
    """A failure, and other words for it by name."""

    variants: dict[Annotated[str, Field(pattern=NAME)], Words] = Field(default={}, max_length=50)


class Form(_Part):
    """The form of every error: the blanks are filled from each failure's own words."""

    headers: HeaderTemplates = {}
    body: Any


class Definition(_Part):
    """A service: its routes, how it answers, how it fails."""

    name: str = Field(pattern=NAME)
    title: str = Field(min_length=1, max_length=120)
    source: str = Field(default="", max_length=2000, description="where its words were seen")
    base_path: str = Field(default="", pattern=r"^(/[^\s{}?]+)?$", max_length=200)
    host: str = Field(default="api.example.com", pattern=r"^[a-z0-9.-]+$", max_length=200)
    auth: Auth
    headers: HeaderTemplates = {}
    body_bytes_max: int = Field(default=1024 * 1024, ge=1, le=REQUEST_BYTES_MAX)
    answer_keys: Annotated[list[str], Field(max_length=100)] | None = None
    routes: Annotated[list[Route], Field(min_length=1, max_length=ROUTES_MAX)]
    error: Form
    errors: dict[str, Failure] = Field(default={}, max_length=200)
