"""A scenario's structure: providers, load, timeline, expectations. `meaning` checks the names in it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from .entry import DUTY, Entry
from .expectation import Expectation, parse_expectations, render_expectations
from .price import ModelPrice
from .spans import NS, Span
from .speed import ModelSpeed, Slowdown, TokenRate, Ttft
from .units import Duration, Rate, Share, Tokens

NAME: Final = r"^[a-z][a-z0-9_-]{0,31}$"
CALLS_MAX: Final = 2_000_000
"""Most calls one scenario may schedule."""
GIVE_UP_FACTOR: Final = 2.0
"""A caller waits this many deadlines before it disconnects, unless `give_up` says otherwise."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Provider(_Part):
    """A fake provider: which wire dialect it speaks, and how fast it answers."""

    dialect: str = Field(description="wire dialect, a name from fakes/dialects")
    service: str | dict[str, Any] | None = Field(
        default=None,
        description="for the dialect http_service: payments or geocoding, the path of a definition, or a definition",
    )
    model: str = Field(min_length=1, max_length=200, description="model that the router shall ask this provider for")
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


class Shapes(_Part):
    """Relative weights of the answer shapes that callers ask for."""

    text: int = Field(default=1, ge=0, le=1000)
    json_: int = Field(default=0, ge=0, le=1000, alias="json")
    tools: int = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _some(self) -> Shapes:
        if self.text + self.json_ + self.tools == 0:
            raise ValueError("expected at least one shape with a weight above 0")
        return self


class Clients(_Part):
    """Relative weights of the client libraries that make the calls."""

    http: int = Field(default=1, ge=0, le=1000, description="the load generator's own HTTP client")
    openai_sdk: int = Field(default=0, ge=0, le=1000, description="the official OpenAI SDK, with max_retries=0")

    @model_validator(mode="after")
    def _some(self) -> Clients:
        if self.http + self.openai_sdk == 0:
            raise ValueError("expected at least one client with a weight above 0")
        return self


class Load(_Part):
    """Who calls, how often, and for what. Arrivals are open-loop: a stalled router does not slow its callers down."""

    arrivals: Literal["poisson", "constant"] = "poisson"
    rate: Rate = Field(description="calls due per second")
    callers: int = Field(default=100, ge=1, le=1_000_000, description="distinct callers, drawn evenly")
    warmup: Duration = Field(default=1.0, description="load before time 0, left out of every measure")
    duration: Duration = Field(description="length of the measured load")
    stream: Share = Field(default=0.5, description="share of calls that ask for a stream")
    shapes: Shapes = Shapes()
    clients: Clients = Clients()
    answer: Tokens = Field(default=24, description="length of each answer")
    deadline: Duration = Field(default=5.0, description="after this, a right answer is late")
    continuation: bool = Field(
        default=False, description="an answer begun by one provider and continued by another counts as right"
    )
    give_up: Duration | None = Field(
        default=None, description="when a caller disconnects; twice the deadline if absent"
    )

    @property
    def give_up_s(self) -> float:
        """Seconds after which a caller disconnects."""
        return self.deadline * GIVE_UP_FACTOR if self.give_up is None else self.give_up

    @model_validator(mode="after")
    def _bounded(self) -> Load:
        if not self.duration > 0:
            raise ValueError("duration must be above 0: a load of no calls proves nothing")
        if not self.deadline > 0:
            raise ValueError("deadline must be above 0: no answer comes in no time")
        if self.give_up is not None and self.give_up < self.deadline:
            raise ValueError("give_up must be at least the deadline: a caller that left can't get a late answer")
        if (calls := self.rate * (self.warmup + self.duration)) > CALLS_MAX:
            raise ValueError(f"rate × (warmup + duration) is {calls:,.0f} calls; the most is {CALLS_MAX:,}")
        return self


class Scenario(_Part):
    """A crash test: what the providers do when, what load runs, and what the callers may expect."""

    version: Literal[1]
    title: str = Field(min_length=1, max_length=120)
    story: str = Field(min_length=1, description="what happens, in a sentence or two")
    source: str = Field(min_length=1, description="where this was seen in reality")
    tags: list[str] = Field(default_factory=list)
    seed: int = Field(ge=0, lt=2**53, description="repeats the inputs and every decision of a run")
    providers: dict[Annotated[str, Field(pattern=NAME)], Provider] = Field(
        min_length=1, max_length=32, description="in the order the router should prefer them"
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
        """When `entry` ends, in seconds after time 0."""
        return self.load.duration if entry.until is None else entry.until
