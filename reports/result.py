"""The result of a run: everything that a page needs. report.json is its dump; every page is a rendering of it.

Light (pydantic only), so that whoever reads a report.json needs no pandas. Times of the run are seconds after time 0,
the first measured call; a value keeps its base unit and comes with the text a person reads.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from ..scenarios.expectation import Unit
from .result_money import CostOut as CostOut  # noqa: PLC0414 - the result's readers import its parts from here
from .result_money import MoneyOut as MoneyOut  # noqa: PLC0414 - as above
from .result_value import Part
from .result_value import RowsOut as RowsOut  # noqa: PLC0414 - as above
from .result_value import ValueOut as ValueOut  # noqa: PLC0414 - as above

TARGET_GONE: Final = "the target did not stay up"
"""How the reason of a run begins whose target ended by itself."""


class Verdict(StrEnum):
    """What a run has shown."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class State(StrEnum):
    """What became of one expectation."""

    MET = "met"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # the run can't tell


class FindingOut(Part):
    """What a measure found, with its definition."""

    key: str
    definition: str
    unit: Unit
    smaller_is_better: bool | None
    values: list[ValueOut]


class ExpectationOut(Part):
    """An expectation: what was wanted, what was found, and where."""

    measure: str = Field(description="its key: a measure, or a measure and a statistic")
    wanted: str
    found: str
    state: State
    scope: str | None = Field(description="the run, or the episode whose value decided")
    note: str | None
    certain_s: float | None = Field(description="when a breach could no longer be undone; null: at the end of the run")
    tolerated: bool = Field(default=False, description="met only within the tolerance that the run was judged with")


class CheckOut(Part):
    """Whether the run is able to prove anything, one condition of it.

    `evidence`: without it nothing that was recorded can be trusted. `coverage`: without it a pass means nothing, but
    what broke is broken.
    """

    name: str
    kind: Literal["evidence", "coverage"]
    ok: bool
    found: str
    needed: str
    scope: str | None = Field(default=None, description="the phase it speaks of; null: the whole run")


class WindowOut(Part):
    """A timeline entry's window on one provider."""

    entry: str
    fault: str = Field(description="name of the fault, or of the standing")
    kind: Literal["fault", "standing", "event"] = Field(
        default="fault", description="a share is one of requests for a fault, of credentials for a standing"
    )
    provider: str
    share: float = Field(description="the larger end of one that changes")
    growth: tuple[float, float] | None = Field(
        default=None, description="a share that changes in a straight line, at the entry's start and at its end"
    )
    share_of: str = Field(default="request", description="request, call, credential or caller")
    period: int | None = Field(default=None, description="of an entry that comes and goes, from 0")
    from_s: float
    until_s: float
    bites: int
    matched: int | None
    first_bite_s: float | None


class CoverageOut(Part):
    """How many attempts a timeline entry meant at a provider's path, and what share of them it really bit."""

    entry: str
    fault: str = Field(description="name of the fault, or of the standing")
    kind: Literal["fault", "standing", "event"]
    provider: str
    path: str = Field(description="of the request; – for what left no attempt behind")
    phase: str | None = Field(description="what of an exchange it acts on (answer, latency, …), or of an account")
    matched: int
    bites: int
    share: float | None = Field(description="bites of matched; null where nothing walked into it")


class EpisodeOut(Part):
    """The union of overlapping windows on one provider, with the times of failover as instants of the run."""

    id: str
    provider: str
    partial: bool
    from_s: float
    until_s: float
    first_bite_s: float | None
    windows: list[WindowOut]
    calls_due: int
    calls_lost: int
    times: dict[str, ValueOut]


class OutcomeOut(Part):
    """How many calls had an outcome, and how many of those looked like a success."""

    outcome: str
    calls: int
    share: float
    silent: int
    good: bool
    meaning: str


class SliceOut(Part):
    """A part of the measured calls: by provider, model, shape, stream or client, in the run or in one episode.

    A call counts for the provider and model of the attempt that answered it, or else of its last attempt.
    """

    by: str
    value: str
    calls: int
    lost: int
    silent: int
    scope: str = "run"
    attempts: int | None = Field(default=None, description="of these calls, wherever they went")
    p50_s: float | None = None
    p95_s: float | None = None
    usd: float | None = None
    rows: RowsOut | None = Field(default=None, description="the lost ones")


class IntegrityOut(Part):
    """How many calls due in one scope (the run, or an episode) had an outcome."""

    scope: str
    outcome: str
    calls: int
    share: float
    silent: int
    good: bool
    rows: RowsOut


class CallerOut(Part):
    """One caller and what became of its calls."""

    caller: int
    calls: int
    lost: int
    silent: int


class CallersOut(Part):
    """Who was hurt, and whether the loss was spread evenly."""

    callers: int
    hurt: int
    fairness: ValueOut
    most_hurt: list[CallerOut] = Field(description="by lost calls, the first few")
    tenth_share: float | None = Field(description="share of all lost calls that hit the most hurt tenth of callers")


class PhaseOut(Part):
    """A stretch of the run: its load, its attempts, its latencies, its cost."""

    name: str
    from_s: float
    until_s: float
    calls: int
    good: int
    attempts: int
    amplification: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    usd: float
    usd_per_answer: float | None


class DamageOut(Part):
    """A part of the run's folder that could not be read, or does not fit this version, and what that costs."""

    where: str
    what: str
    costs: str = Field(description="what the report can't say for it")
    rows: int | None = Field(default=None, description="rows left out, where they can be counted")


class TimelineOut(Part):
    """The run in equal steps; every list has one number a step (null where nothing was due)."""

    step_s: float
    steps: int
    outcomes: dict[str, list[int]] = Field(description="calls due, by outcome")
    served: dict[str, list[int]] = Field(description="good answers, by provider")
    attempts: dict[str, list[int]] = Field(description="attempts, by provider")
    failed: dict[str, list[int]] = Field(description="attempts that were bitten or had status >= 400, by provider")
    p50_s: list[float | None]
    p95_s: list[float | None]
    usd: list[float]
    usd_by: dict[str, list[float]] = Field(default_factory=dict, description="the same by provider")


class AttemptOut(Part):
    """An attempt of a waterfall. Times are seconds after the call was due."""

    attempt: str
    provider: str
    model: str | None
    credential: str | None
    from_s: float
    first_byte_s: float | None
    until_s: float
    status: int | None
    fault: str | None
    ended_by: str
    delivered_tokens: int
    usd: float | None
    words: str | None = Field(description="the start of what the provider said, redacted")


class WorstOut(Part):
    """One of the worst calls, as a waterfall."""

    call: int
    caller: int
    shape: str
    stream: bool
    client: str
    outcome: str
    silent: bool
    status: int | None
    error: str | None
    due_s: float
    sent_s: float | None
    first_token_s: float | None
    ended_s: float | None
    words: str | None = Field(description="the start of what the caller got, redacted")
    curl: str
    attempts: list[AttemptOut]


class HeadlineOut(Part):
    """A number that stands at the top of every page."""

    label: str
    text: str
    note: str
    tone: Literal["good", "bad", "neutral"]


class RunOut(Part):
    """What was run, against what, where."""

    run: str
    folder: str
    scenario: str
    title: str
    story: str
    source: str
    target: str
    target_kind: str
    target_detail: str | None
    host: str
    witnesses: str
    seed: int
    command: str
    started: str
    load_s: float
    rate: float
    load: str = ""
    callers: int
    providers: list[str]
    banstorm: str
    machine: dict[str, Any]
    versions: dict[str, Any]
    warnings: list[str]
    own_failures: list[str]
    remedy: str = Field(default="", description="what a good router does about it, as the scenario says")
    tolerance: str = Field(default="", description="how far beyond its limits was accepted, as `--tolerance` writes it")


class Result(Part):
    """A run, judged."""

    format: Literal[1] = 1
    verdict: Verdict
    sentence: str
    first_broken: str | None
    reasons: list[str]
    headlines: list[HeadlineOut]
    run: RunOut
    expectations: list[ExpectationOut]
    checks: list[CheckOut]
    episodes: list[EpisodeOut]
    coverage: list[CoverageOut] = Field(default_factory=list)
    outcomes: list[OutcomeOut]
    slices: list[SliceOut]
    phases: list[PhaseOut]
    costs: list[CostOut]
    timeline: TimelineOut
    worst: list[WorstOut]
    findings: list[FindingOut]
    not_observable: list[str]
    # Additions to format 1: absent from what an earlier version wrote.
    integrity: list[IntegrityOut] = Field(default_factory=list)
    window_slices: list[SliceOut] = Field(default_factory=list, description="`slices`, an episode at a time")
    callers: CallersOut | None = None
    money: MoneyOut | None = None
    damage: list[DamageOut] = Field(default_factory=list)

    @property
    def target_gone(self) -> bool:
        """Whether the run failed because the target ended by itself, whatever limits broke besides."""
        return self.verdict is Verdict.FAIL and self.reasons[:1] != [] and self.reasons[0].startswith(TARGET_GONE)

    @property
    def command(self) -> str:
        """The command that repeats the run."""
        return self.run.command
