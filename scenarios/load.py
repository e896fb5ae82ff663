"""The load: who calls, how often, and for what."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from .arrivals import Burst, Profile, RateOrSteps, profile_of
from .sizes import AnswerSize, PromptSize
from .units import Duration, Share

CALLS_MAX: Final = 2_000_000
"""Most calls one scenario may schedule."""
CALLERS_MAX: Final = 1_000_000
"""Most callers."""
ZIPF_MAX: Final = 5.0
"""Most uneven callers."""
GIVE_UP_FACTOR: Final = 2.0
"""A caller waits this many deadlines before it disconnects, unless `give_up` says otherwise."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Callers(_Part):
    """How many callers there are, and how unevenly they call.

    With `zipf` s, the k-th most active of them makes a share of the calls that is proportional to 1/k^s (Zipf's law;
    G. K. Zipf, Human Behavior and the Principle of Least Effort, 1949); with 0 all call alike.
    """

    count: int = Field(strict=True, ge=1, le=CALLERS_MAX, description="distinct callers")
    zipf: float = Field(default=0.0, ge=0, le=ZIPF_MAX, description="exponent of Zipf's law; 0: all call alike")


def _parse_callers(value: Any) -> Any:
    return {"count": value} if isinstance(value, int) and not isinstance(value, bool) else value


def _render_callers(value: Callers) -> Any:
    return {"count": value.count, "zipf": value.zipf} if value.zipf else value.count


_COUNT: Final = {"type": "integer", "minimum": 1, "maximum": CALLERS_MAX}
CallersField = Annotated[
    Callers,
    BeforeValidator(_parse_callers),
    PlainSerializer(_render_callers),
    WithJsonSchema(
        {
            "anyOf": [
                _COUNT,
                {
                    "type": "object",
                    "properties": {"count": _COUNT, "zipf": {"type": "number", "minimum": 0, "maximum": ZIPF_MAX}},
                    "required": ["count"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A number of callers, or that and how unevenly they call."""


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
    rate: RateOrSteps = Field(
        description="calls due per second, such as 60/s; or steps of it, such as "
        "[{at: 0s, rate: 20/s}, {at: 5s, rate: 100/s, over: 2s}]"
    )
    bursts: list[Burst] = Field(
        default_factory=list, max_length=100, description="times at which the rate is many times what it is"
    )
    callers: CallersField = Field(
        default=Callers(count=100),
        description="distinct callers, each as likely to call; or {count: 40000, zipf: 1.1}: some call more often",
    )
    warmup: Duration = Field(default=1.0, description="load before time 0, left out of every measure")
    duration: Duration = Field(description="length of the measured load")
    stream: Share = Field(default=0.5, description="share of calls that ask for a stream")
    shapes: Shapes = Shapes()
    clients: Clients = Clients()
    answer: AnswerSize = Field(
        default=24, description="length of each answer; or quantiles of it, such as {p50: 24 tokens, p95: 200 tokens}"
    )
    prompt: PromptSize | None = Field(
        default=None,
        description="length of each prompt, in words of filler; or quantiles of it; two sentences if absent",
    )
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

    @property
    def profile(self) -> Profile:
        """The rate over the measured load; the warm-up has the rate of its beginning."""
        return profile_of(self.rate, self.bursts, self.duration)

    @model_validator(mode="after")
    def _bounded(self) -> Load:
        if not self.duration > 0:
            raise ValueError("duration must be above 0: a load of no calls proves nothing")
        if not self.deadline > 0:
            raise ValueError("deadline must be above 0: no answer comes in no time")
        if self.give_up is not None and self.give_up < self.deadline:
            raise ValueError("give_up must be at least the deadline: a caller that left can't get a late answer")
        profile = self.profile
        if (calls := profile.first * self.warmup + profile.calls) > CALLS_MAX:
            raise ValueError(f"rate × (warmup + duration) is {calls:,.0f} calls; the most is {CALLS_MAX:,}")
        return self
