"""What `router.yaml` may say, with every default and its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from .providers import dialects
from .units import Bytes, Seconds, Share


class Part(BaseModel):
    """A part of the document: unknown keys are mistakes, and defaults are read like what a user writes."""

    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)


class Listen(Part):
    """Where callers connect."""

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless you say otherwise.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="TCP port; 0 picks a free one.")


class Provider(Part):
    """One upstream, in order of preference."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name in metrics, headers and errors.")
    dialect: str = Field(description="Which API it speaks: a file in `router/providers/`.")
    base_url: str = Field(pattern=r"^https?://", description="As its SDK wants it: Anthropic without /v1, OpenAI with.")
    model: str = Field(min_length=1, description="Model asked for when `models` doesn't say otherwise.")
    api_key_env: str | None = Field(None, description="Environment variable that holds the key.")
    api_key_file: Path | None = Field(None, description="File that holds the key.")
    api_key: SecretStr | None = Field(None, description="The key itself; prefer `api_key_env` or `api_key_file`.")
    models: dict[str, str] = Field(default_factory=dict, description="Model the caller asks for → model asked for here.")
    max_tokens: int = Field(8192, gt=0, description="Answer limit sent where the API demands one and callers give none.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of this dialect, see its file.")

    @field_validator("dialect")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in dialects():
            raise ValueError(f"found {value!r}, expected one of {', '.join(dialects())}")
        return value

    @model_validator(mode="after")
    def _one_key(self) -> Provider:
        given = [name for name in ("api_key_env", "api_key_file", "api_key") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both set, expected one of them")
        return self


class Breaker(Part):
    """When a provider is left, and when it is asked again."""

    enabled: bool = Field(True, description="false: every provider is asked every time.")
    failures_in_a_row: int = Field(3, ge=1, description="Transient or drifted failures in a row that open it.")
    failure_share: Share = Field("50%", description="Share of failures within `window` that opens it.")  # type: ignore[assignment]
    failures_min: int = Field(10, ge=1, description="Attempts within `window` before the share counts.")
    window: Seconds = Field("10s", description="How far back the share looks.")  # type: ignore[assignment]
    cooldown: Seconds = Field("1s", description="First wait before a probe: at 60 calls/s a probe a second is 1.7 %.")  # type: ignore[assignment]
    cooldown_growth: float = Field(
        1.25, ge=1, le=10, description="Each failed probe waits longer: found again within a quarter of the outage + 1 s."
    )
    cooldown_max: Seconds = Field("15s", description="Longest wait between probes.")  # type: ignore[assignment]
    jitter: Share = Field("10%", description="Up to this share is added to each wait, so that routers don't march in step.")  # type: ignore[assignment]
    retry_after_max: Seconds = Field("60s", description="Longest Retry-After that is believed.")  # type: ignore[assignment]
    probe_head_start: Seconds = Field(
        "300ms", description="A probe that takes longer goes on in the background while its caller is served elsewhere."
    )  # type: ignore[assignment]

    @model_validator(mode="after")
    def _ordered(self) -> Breaker:
        if self.cooldown_max < self.cooldown:
            raise ValueError(f"cooldown_max {self.cooldown_max:g}s is shorter than cooldown {self.cooldown:g}s")
        return self


class Retry(Part):
    """How often a call may ask again."""

    attempts_max: int = Field(3, ge=1, le=10, description="Attempts a call, all providers together.")
    budget: Share = Field("10%", description="Retries at a provider asked before, as a share of calls.")  # type: ignore[assignment]
    budget_reserve: int = Field(10, ge=0, description="Retries that are free before the share counts.")
    backoff: Seconds = Field("50ms", description="Wait before the first retry at the same provider; doubles.")  # type: ignore[assignment]
    backoff_max: Seconds = Field("1s", description="Longest wait; a longer Retry-After ends the call.")  # type: ignore[assignment]


class Timeouts(Part):
    """Every wait has an end."""

    connect: Seconds = Field("1s", description="TCP and TLS.")  # type: ignore[assignment]
    first_token: Seconds = Field("2s", description="First token of a stream; leaves 3 s of a 5 s deadline to another.")  # type: ignore[assignment]
    between_tokens: Seconds = Field("5s", description="Silence within a stream.")  # type: ignore[assignment]
    answer: Seconds = Field("60s", description="A plain answer; less once its usual time is known (policies/patience.py).")  # type: ignore[assignment]
    total: Seconds = Field("120s", description="A whole call, all attempts together.")  # type: ignore[assignment]


class Limits(Part):
    """What the router holds at once."""

    body_bytes_max: Bytes = Field("8MiB", description="Largest request body.")  # type: ignore[assignment]
    answer_bytes_max: Bytes = Field("16MiB", description="Largest plain answer read from a provider.")  # type: ignore[assignment]
    event_bytes_max: Bytes = Field("1MiB", description="Largest event read from a provider's stream.")  # type: ignore[assignment]
    in_flight_max: int = Field(1000, ge=1, description="Calls at once; further ones get a 503.")
    drain: Seconds = Field("10s", description="How long SIGTERM waits for calls in flight.")  # type: ignore[assignment]


class Log(Part):
    """One JSON line a call on stderr."""

    calls: bool = Field(False, description="Write it. Never holds prompt text or keys.")
    level: Literal["debug", "info", "warning", "error"] = Field("warning", description="Level of everything else.")


class Config(Part):
    """A whole `router.yaml`."""

    listen: Listen = Listen()
    providers: list[Provider] = Field(min_length=1, max_length=32)
    fallback: bool = Field(True, description="false: only the first provider, one attempt.")
    breaker: Breaker = Field(default_factory=Breaker)
    validate_answers: bool = Field(True, alias="validate", description="Check the form of answers before they count.")
    retry: Retry = Field(default_factory=Retry)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    limits: Limits = Field(default_factory=Limits)
    log: Log = Log()
    proxy_from_env: bool = Field(False, description="Obey HTTPS_PROXY and its kin on the way to providers.")

    @field_validator("providers")
    @classmethod
    def _unique(cls, value: list[Provider]) -> list[Provider]:
        names = [provider.name for provider in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two providers are called {twice[0]!r}, expected a name each")
        return value
