"""A run's manifest, run.json: what was run, against what, when, and what became of our own processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..scenarios.model import Scenario
from .errors import UnreadableRunError
from .tolerance import parse_tolerance

FORMAT: Final = 1
"""Version of the run folder that this code writes and reads."""


class _Part(BaseModel):
    # A newer harness may add keys; an old report must still read the run.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Target(_Part):
    """The router under test."""

    name: str = "unknown"
    kind: str = "unknown"
    detail: str | None = None
    url: str | None = None
    model: str | None = None
    front: str | None = None


class TargetExit(_Part):
    """How the target ended. `ours` is True when the harness ended it; `log` are its last lines, without credentials."""

    code: int | None = None
    signal: int | None = None
    at_ns: int | None = None
    ours: bool = False
    log: str = ""


class Readiness(_Part):
    """Whether the readiness call came back with its mark."""

    marked: bool = False
    detail: str = ""


class Anchor(_Part):
    """A moment on the monotonic clock and on the wall."""

    monotonic_ns: int
    wall: str


class Rates(_Part):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float = Field(ge=0)
    cache_write: float = Field(ge=0)


class Price(_Part):
    """What a provider's model costs by the list, with the rates for prompts over `long_above_tokens`, if any."""

    model: str
    rates: Rates
    long_above_tokens: int | None = None
    long: Rates | None = None
    source: str = ""


class Manifest(_Part):
    """run.json. What a killed run never wrote is empty."""

    format: Literal[1]
    banstorm: str = "unknown"
    run: str
    scenario_name: str
    scenario: Scenario
    target: Target = Target()
    host: str = "mitmproxy"
    seed: int
    command: str = ""
    t0_ns: int | None = None
    warmup_from_ns: int | None = None
    load_until_ns: int | None = None
    started_wall: str = ""
    anchors: list[Anchor] = Field(default_factory=list)
    machine: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    own_failures: list[str] = Field(default_factory=list)
    target_exit: TargetExit | None = None
    interrupted: bool = False
    readiness: Readiness = Readiness()
    warnings: list[str] = Field(default_factory=list)
    ports: dict[str, Any] = Field(default_factory=dict)
    canaries: list[Any] = Field(default_factory=list)
    # List prices by provider; a run folder of an earlier version has none.
    prices: dict[str, Price] = Field(default_factory=dict)
    # How far beyond a limit is still accepted, as `--tolerance` writes it; mostly nothing.
    tolerance: str = ""
    # The user's own traffic, for the error budget and the projection; the harness need not say.
    slo: float = Field(default=0.999, gt=0, lt=1)
    volume_per_day: float | None = Field(default=None, gt=0)
    outage_s: float | None = Field(default=None, gt=0)

    @field_validator("tolerance")
    @classmethod
    def _readable(cls, text: str) -> str:
        parse_tolerance(text)
        return text

    @property
    def finished(self) -> bool:
        """Whether the run was seen to its end: the second anchor is taken then."""
        return len(self.anchors) > 1 and self.load_until_ns is not None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the run in `folder`.

    Raises:
        UnreadableRunError: when there is none, or none that this version reads.
    """
    path = folder / "run.json"
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UnreadableRunError(
            f"this is not a run's folder: {error.strerror or 'run.json cannot be read'}",
            str(path),
            "name a folder that `banstorm run` made, such as runs/<time>-<scenario>-<target>",
        ) from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UnreadableRunError(
            f"run.json is not JSON: {error}",
            str(path),
            "the run was probably killed while it wrote; run it again with the command in its terminal output",
        ) from error
    if isinstance(data, dict) and data.get("format") != FORMAT:
        raise UnreadableRunError(
            f"run.json has format {data.get('format')!r}, this banstorm reads format {FORMAT}",
            str(path),
            "use the banstorm version that made the run",
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise UnreadableRunError(
            f"run.json does not describe a run: {place}: {first['msg']}",
            str(path),
            "use the banstorm version that made the run, or run it again",
        ) from error
