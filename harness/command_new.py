"""What `banstorm new` does: writes a scenario to begin with, every key explained."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

from ..scenarios import library
from .errors import HarnessError
from .exitcode import Exit
from .lines import tell

SCHEMA: Final = library.FOLDER / "schema.json"
"""What editors complete from."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_TEMPLATE: Final = """\
# yaml-language-server: $schema={schema}
# Completion and checks in editors come from the line above. Play it: banstorm run {file}
# See it drawn: banstorm show {file}. What there is: banstorm list faults, standings, drifts, measures, dialects.
version: 1
title: {title}
story: >-
  What happens, in a sentence or two: who fails, how it looks from outside, and what is hard about it.
source: where this was seen, such as an incident, an issue or a page of the vendor's
remedy: What a good router does about it.
# scaled: 60x # for a dated incident: how many times faster than it happened it is played
tags: [draft] # what it is about, in a word each
seed: {seed} # repeats the inputs and every decision of a run

providers: # in the order the router should prefer them
  anthropic:
    dialect: anthropic # whose API it speaks: banstorm list dialects
    model: claude-sonnet-5
    ttft: 120ms # time to first token; or quantiles, such as {{p50: 300ms, p95: 1.2s}}
    tokens_per_second: 80
    jitter: 20%
  openai: {{dialect: openai, model: gpt-5.4-mini, ttft: 120ms, tokens_per_second: 80, jitter: 20%}}

load: # open-loop: a router that stalls does not slow its callers down
  arrivals: poisson # or constant
  rate: 40/s # or steps, such as [{{at: 0s, rate: 20/s}}, {{at: 5s, rate: 100/s, over: 2s}}]
  # bursts: [{{at: 4s, for: 1s, by: 3x, every: 5s}}]
  callers: 300 # or {{count: 40000, zipf: 1.1}}: some call more than others
  warmup: 1s # before time 0, left out of every measure
  duration: 12s # long enough for what is expected after the last window ends
  stream: 50%
  shapes: {{text: 7, json: 2, tools: 1}} # relative weights
  answer: 24 tokens
  deadline: 5s # a right answer after this is late

timeline: # time 0 is the first call after warm-up
  # A fault is played in front of the provider, from the request and the clock alone. banstorm show rate_limited
  - at: 2s
    until: 6s
    on: anthropic # or a list: [anthropic, openai]
    fault: rate_limited
    with: {{retry_after: 2s}} # its parameters
    # share: 50% # of the requests; {{from: 0%, to: 100%}} grows
    # every: 1s # it comes and goes, on for half of each second
    # stream: true # only streamed requests; more selectors: model, path, region, header, nth, first, attempt
  # A standing changes the provider's own state, for what is spent or must be consistent: banstorm list standings
  # - {{at: 2s, until: 6s, on: anthropic, standing: quota, with: {{requests_per_minute: 150}}}}

expect: # banstorm list measures
  lost_calls: 0
  silent_losses: 0
  time_to_fail_over: <= 1s
  time_to_recover: <= 3s
  retry_amplification: <= 1.2
"""
_SEED: Final = 20260101


def write(name: str) -> int:
    """Write a new scenario and say where it is.

    Args:
        name: A name, for a file in the current folder, or a path that ends with .yaml.

    Returns:
        The exit code.

    Raises:
        HarnessError: when the name is none, the file exists, or it can't be written.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else Path(f"{name}.yaml")
    if _NAME.fullmatch(path.stem) is None:
        advice = "write it like my_outage, or scenarios/my_outage.yaml"
        raise HarnessError(f"no name for a scenario: {path.stem!r}", "NAME", advice)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(path))
    except FileExistsError:
        raise HarnessError("the file exists, and is left as it is", str(path), "choose another name") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HarnessError(f"the scenario can't be written: {reason}", str(path), "choose another folder") from error
    tell(sys.stdout, [f"wrote {path}", f"next:  banstorm show {path}; banstorm run {path}"])
    return Exit.PASS


def template(path: Path) -> str:
    """The text of a new scenario that is to stand at `path`."""
    title = path.stem.replace("_", " ").replace("-", " ").capitalize()
    return _TEMPLATE.format(schema=_schema_from(path), file=path.as_posix(), title=f'"{title}"', seed=_SEED)


def _schema_from(path: Path) -> str:
    """Where editors find the schema: beside the scenario's folder if it is there, else by its full path."""
    schema, folder = SCHEMA.resolve(), path.resolve().parent
    near = any(parent == schema.parent for parent in (folder, folder.parent))
    return Path(os.path.relpath(schema, folder)).as_posix() if near else schema.as_posix()
