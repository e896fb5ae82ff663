"""What `router.yaml` may say, with every default and its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from .config_access import Admin, Caller
from .config_answers import LastGoodAnswers
from .config_money import Budget, FailoverCost, Price
from .config_oauth import DIALECTS, OAuth
from .part import Part
from .profile import Profile
from .providers import dialects
from .units import Bytes, Seconds, Share

CREDENTIALS_MAX = 64
"""Credentials of one provider; each is a label in the metrics."""


class Listen(Part):
    """Where callers connect."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless you say otherwise.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8080, description="TCP port; 0 picks a free one.")


class Provider(Part):
    """One upstream, in order of preference."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name in metrics, headers and errors.")
    dialect: str = Field(description="Which API it speaks: a file in `router/providers/`.")
    base_url: str = Field(pattern=r"^https?://", description="As its SDK wants it: Anthropic without /v1, OpenAI with.")
    model: str = Field(min_length=1, description="Model asked for when `models` doesn't say otherwise.")
    api_key_env: str | None = Field(default=None, description="Environment variable that holds the key.")
    api_key_file: Path | None = Field(default=None, description="File that holds the key.")
    api_key: SecretStr | None = Field(
        default=None, description="The key itself; prefer `api_key_env` or `api_key_file`."
    )
    api_keys_env: list[str] = Field(
        default=[], max_length=CREDENTIALS_MAX, description="A pool: variables that hold a key each; they take turns."
    )
    api_keys_files: list[Path] = Field(
        default=[], max_length=CREDENTIALS_MAX, description="The same for files; a file's name is its label."
    )
    oauth: list[OAuth] = Field(
        default=[], max_length=CREDENTIALS_MAX, description="OAuth logins, in one pool with the keys if there are any."
    )
    models: dict[str, str] = Field(
        default_factory=dict, description="Model the caller asks for → model asked for here."
    )
    max_tokens: int = Field(
        default=8192, gt=0, description="Answer limit sent where the API demands one and callers give none."
    )
    max_output_tokens: int | None = Field(
        default=None,
        gt=0,
        description="Longest answer it gives, for a server that ends longer ones by itself without a word: no more is "
        "asked for then, or its answers would be taken for cut ones.",
    )
    context: int | None = Field(
        default=None,
        gt=0,
        description="Tokens its model can read. A prompt too long for it isn't tried where no more is read.",
    )
    region: str = Field(default="", max_length=64, description="Where it computes; callers may be bound to regions.")
    weight: float = Field(default=1.0, ge=0, le=1000, description="Its share of calls under `order: weighted`.")
    concurrency_max: int | None = Field(default=None, ge=1, description="Attempts at once; further calls go elsewhere.")
    capabilities: list[Literal["tools", "json", "images"]] | None = Field(
        default=None, description="What it can do; requests that need more go elsewhere. All, unless given."
    )
    continues: Literal["prefill", "ask"] | None = Field(
        default=None,
        description="How it goes on with what another began, under `streams: continue`. prefill: its model takes an "
        "assistant's last message as the beginning of its answer; ask: it is asked to go on.",
    )
    price: Price | None = Field(default=None, description="Instead of the shipped table's.")
    budget: Budget | None = Field(default=None, description="What it may cost.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of this dialect, see its file.")

    @field_validator("dialect")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in dialects():
            raise ValueError(f"found {value!r}, expected one of {', '.join(dialects())}")
        return value

    @model_validator(mode="after")
    def _one_key(self) -> Provider:
        names = ("api_key_env", "api_key_file", "api_key", "api_keys_env", "api_keys_files")
        given = [name for name in names if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both set, expected one of them")
        return self

    @model_validator(mode="after")
    def _logins(self) -> Provider:
        if self.oauth and self.dialect not in DIALECTS:
            raise ValueError(f"oauth is for {', '.join(sorted(DIALECTS))}, found {self.dialect!r}")
        if self.dialect != "anthropic" and any(login.token_url is None for login in self.oauth):
            raise ValueError("oauth needs a token_url, except at Anthropic's")
        return self

    def profile(self) -> Profile:
        """What the policies go by."""
        return Profile(
            region=self.region,
            weight=self.weight,
            concurrency_max=self.concurrency_max,
            price=self.price.row() if self.price else None,
            continues=self.continues or "",
            capabilities=None if self.capabilities is None else frozenset(self.capabilities),
        )


class Breaker(Part):
    """When a provider is left, and when it is asked again."""

    enabled: bool = Field(default=True, description="false: every provider is asked every time.")
    failures_in_a_row: int = Field(default=3, ge=1, description="Transient or drifted failures in a row that open it.")
    failure_share: Share = Field(default=0.5, description="Share of failures within `window` that opens it.")
    failures_min: int = Field(default=10, ge=1, description="Attempts within `window` before the share counts.")
    window: Seconds = Field(default=10.0, description="How far back the share looks.")
    cooldown: Seconds = Field(
        default=1.0, description="First wait before a probe: at 60 calls/s a probe a second is 1.7 %."
    )
    cooldown_growth: float = Field(
        default=1.25,
        ge=1,
        le=10,
        description="Each failed probe waits longer: found again within a quarter of the outage + 1 s.",
    )
    cooldown_max: Seconds = Field(default=15.0, description="Longest wait between probes.")
    jitter: Share = Field(
        default=0.1, description="Up to this share is added to each wait, so that routers don't march in step."
    )
    retry_after_max: Seconds = Field(default=60.0, description="Longest Retry-After that is believed.")
    stream_cuts: int = Field(
        default=1, ge=1, description="Streams in a row that break off before streams (alone) go elsewhere."
    )
    probe_head_start: Seconds = Field(
        default=0.3,
        description="A probe that takes longer goes on in the background while its caller is served elsewhere.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Breaker:
        if self.cooldown_max < self.cooldown:
            raise ValueError(f"cooldown_max {self.cooldown_max:g}s is shorter than cooldown {self.cooldown:g}s")
        return self


class Retry(Part):
    """How often a call may ask again."""

    attempts_max: int = Field(default=3, ge=1, le=10, description="Attempts a call, all providers together.")
    budget: Share = Field(default=0.1, description="Retries at a provider asked before, as a share of calls.")
    budget_reserve: int = Field(default=10, ge=0, description="Retries that are free before the share counts.")
    backoff: Seconds = Field(default=0.05, description="Wait before the first retry at the same provider; doubles.")
    backoff_max: Seconds = Field(default=1.0, description="Longest wait; a longer Retry-After ends the call.")
    wait_max: Seconds = Field(
        default=3.0,
        description="With everybody out, how long a call waits for who is known to be asked again by then; leaves 2 s "
        "of a 5 s deadline to the answer.",
    )


class Hedge(Part):
    """Ask a second provider when the first is later than usual, and take what comes first. Costs money."""

    enabled: bool = Field(default=False, description="Do so.")
    quantile: Share = Field(default=0.95, description="Of the lane's own latest times: how late is late.")
    share: Share = Field(default=0.05, description="Hedges as a share of calls.")
    reserve: int = Field(default=5, ge=0, description="Hedges that can be saved up.")


class Timeouts(Part):
    """Every wait has an end."""

    connect: Seconds = Field(default=1.0, description="TCP and TLS.")
    first_token: Seconds = Field(
        default=2.0,
        description="First token of a stream, while another can be asked; leaves 3 s of a 5 s deadline to it.",
    )
    between_tokens: Seconds = Field(default=5.0, description="Silence within a stream.")
    answer: Seconds = Field(
        default=60.0,
        description="A plain answer, less once its usual time is known (policies/patience.py); a first token where "
        "nobody else is left.",
    )
    total: Seconds = Field(default=120.0, description="A whole call, all attempts together.")
    caller: Seconds = Field(default=30.0, description="A caller that neither sends its body nor reads its answer.")


class Limits(Part):
    """What the router holds at once."""

    body_bytes_max: Bytes = Field(default=8 * 1024**2, description="Largest request body.")
    answer_bytes_max: Bytes = Field(default=16 * 1024**2, description="Largest plain answer read from a provider.")
    event_bytes_max: Bytes = Field(default=1 * 1024**2, description="Largest event read from a provider's stream.")
    in_flight_max: int = Field(default=1000, ge=1, description="Calls at once; further ones get a 503.")
    waiting_max: int = Field(
        default=200, ge=0, description="Calls that wait at once for somebody to come back; further ones get a 503."
    )
    drain: Seconds = Field(default=10.0, description="How long SIGTERM waits for calls in flight.")


class Log(Part):
    """One JSON line a call on stderr."""

    calls: bool = Field(default=False, description="Write it. Never holds prompt text or keys.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Level of everything else."
    )


class Tracing(Part):
    """OpenTelemetry spans, over OTLP; needs the extra `banstorm[otel]`."""

    enabled: bool = Field(default=False, description="Make them. `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go.")
    service_name: str = Field(default="banstorm-router", min_length=1, description="`service.name` of the spans.")


class Config(Part):
    """A whole `router.yaml`."""

    listen: Listen = Listen()
    providers: list[Provider] = Field(min_length=1, max_length=32)
    fallback: bool = Field(default=True, description="false: only the first provider, one attempt.")
    content_refusals: Literal["returned", "elsewhere"] = Field(
        default="returned", description="elsewhere: what one provider's content policy refuses is asked of the next."
    )
    order: Literal["priority", "round_robin", "weighted", "least_latency", "cheapest"] = Field(
        default="priority", description="Who is asked first; `priority` is the order of this list."
    )
    streams: Literal["error", "buffer", "continue"] = Field(
        default="error",
        description="A stream that breaks off: `error` ends it with an error event; `buffer` holds each answer back "
        "until it is whole, so that another provider can answer instead; `continue` lets one that says `continues` go "
        "on with it, and ends it with an error event if none can.",
    )
    breaker: Breaker = Field(default_factory=Breaker)
    validate_answers: bool = Field(
        default=True, alias="validate", description="Check the form of answers before they count."
    )
    last_good: LastGoodAnswers = LastGoodAnswers()
    retry: Retry = Field(default_factory=Retry)
    hedge: Hedge = Hedge()
    timeouts: Timeouts = Field(default_factory=Timeouts)
    limits: Limits = Field(default_factory=Limits)
    budget: Budget | None = Field(default=None, description="What all providers together may cost.")
    failover_cost: FailoverCost | None = Field(default=None, description="A ceiling on what a failover may cost.")
    callers: list[Caller] = Field(default=[], max_length=1000, description="Who may ask, and for what.")
    admin: Admin = Admin()
    log: Log = Log()
    tracing: Tracing = Tracing()
    proxy_from_env: bool = Field(default=False, description="Obey HTTPS_PROXY and its kin on the way to providers.")

    @field_validator("providers")
    @classmethod
    def _unique(cls, value: list[Provider]) -> list[Provider]:
        names = [provider.name for provider in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two providers are called {twice[0]!r}, expected a name each")
        return value
