"""A scenario's structure: providers, load, timeline, expectations. `meaning` checks the names in it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from .entry import DUTY, Entry
from .expectation import Expectation, parse_expectations, render_expectations
from .hosts import Host
from .load import CALLS_MAX, Clients, Load, Shapes
from .login import Login
from .price import ModelPrice
from .scale import Scale
from .spans import NS, Span
from .speed import ModelSpeed, Slowdown, TokenRate, Ttft
from .units import Duration, Share

__all__ = ["CALLS_MAX", "NAME", "Clients", "Load", "Provider", "Scenario", "Shapes"]

NAME: Final = r"^[a-z][a-z0-9_-]{0,31}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Provider(_Part):
    """A fake provider: which wire dialect it speaks, and how fast it answers."""

    dialect: str = Field(description="wire dialect, a name from fakes/dialects")
    service: str | dict[str, Any] | None = Field(
        default=None,
        description="for the dialect http_service: payments or geocoding, the path of a definition, or a definition",
    )
    model: str = Field(min_length=1, max_length=200, description="model that the router shall ask this provider for")
    login: Login | None = Field(
        default=None,
        description="an OAuth login as the router's only credential here, such as {expires: 4s}; an API key if absent",
    )
    hosts: list[Host] = Field(
        default_factory=list,
        max_length=100,
        description="hosts that stand for it under --intercept, such as api.example.com; else its vendor's own",
    )
    ttft: Ttft = Field(
        default=0.1,
        description="time to first token, such as 120ms; or quantiles of it, such as {p50: 300ms, p95: 1.2s}",
    )
    tokens_per_second: TokenRate = Field(
        default=80.0,
        description="tokens per second after the first, such as 80; or quantiles, such as {p5: 30, p50: 80}",
    )
    jitter: Share = Field(
        default=0.2, description="largest seeded deviation of both, up or down; quantiles have their own"
    )
    distance: Duration = Field(default=0.0, description="network round trip to the provider, before the first token")
    slowdown: Slowdown | None = Field(default=None, description="how load slows it down, such as {at: 20, to: 3x}")
    models: dict[Annotated[str, Field(min_length=1, max_length=200)], ModelSpeed] = Field(
        default_factory=dict, max_length=100, description="models whose speed is different, by the name asked for"
    )


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # Python takes true for 1
        raise ValueError(f"expected 1; found {str(value).lower()}")  # noqa: TRY004 - pydantic tells ValueErrors
    return value


class Scenario(_Part):
    """A crash test: what the providers do when, what load runs, and what the callers may expect."""

    version: Annotated[Literal[1], BeforeValidator(_number)]
    title: str = Field(min_length=1, max_length=120)
    story: str = Field(min_length=1, description="what happens, in a sentence or two")
    source: str = Field(min_length=1, description="where this was seen in reality")
    remedy: str | None = Field(default=None, min_length=1, description="what a good router does, in a sentence or two")
    scaled: Scale | None = Field(
        default=None,
        description="how many times faster than it really happened a dated incident is played, such as 60x",
    )
    tags: list[str] = Field(default_factory=list)
    seed: int = Field(ge=0, lt=2**53, description="repeats the inputs and every decision of a run")
    providers: dict[Annotated[str, Field(pattern=NAME)], Provider] = Field(
        min_length=1,
        max_length=32,
        description="in the order the router should prefer them",
        json_schema_extra={"additionalProperties": False},  # a name that the pattern doesn't fit is none
    )
    prices: dict[Annotated[str, Field(min_length=1, max_length=200)], ModelPrice] = Field(
        default_factory=dict,
        max_length=1000,
        description="what models cost, in US dollars per million tokens, where it is not the list price",
    )
    load: Load
    timeline: list[Entry] = Field(default_factory=list, max_length=1000)
    expect: Annotated[list[Expectation], BeforeValidator(parse_expectations), PlainSerializer(render_expectations)] = (
        Field(
            min_length=1,
            description="measure: limit",
        )
    )

    def span(self, entry: Entry, provider: str, late_s: float = 0.0) -> Span:
        """When `entry` is on at `provider`, which it reaches `late_s` later; counted from time 0."""
        from_s = entry.at + entry.lag_s(provider) + late_s
        every_ns = round((entry.every or 0.0) * NS)
        on_ns = round(every_ns * (DUTY if entry.duty is None else entry.duty))
        return Span(round(from_s * NS), round(self.until_s(entry) * NS), every_ns, on_ns)

    def until_s(self, entry: Entry) -> float:
        """When `entry` ends, in seconds after time 0. An event without an end is over when it was carried out."""
        if entry.until is not None:
            return entry.until
        return self.load.duration if entry.event is None else entry.at
