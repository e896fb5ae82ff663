"""Writes a compiled scenario as YAML, each number with where it comes from."""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import yaml

from ...scenarios.document import parse
from ...scenarios.library import check_document
from ...scenarios.problems import ScenarioError
from ..registry import registry
from .events import SLOW
from .scenario import RECOVER_S, TAIL_S, Compiled, mix
from .speeds import ANSWER_TOKENS, FAST_TOKENS
from .windows import Provider, Window

WIDTH: Final = 116
"""Columns of the comments."""
AMPLIFICATION: Final = 2
"""Attempts a call that a good router makes at most while a provider fails."""


def text(found: Compiled) -> str:
    """The scenario's YAML.

    Raises:
        RuntimeError: when the language refuses it, which is a mistake of ours.
    """
    written = "\n".join([*_head(found), *_providers(found), *_load(found), *_timeline(found), *_expect(found), ""])
    try:
        check_document(parse(written, "the compiled scenario"), registry())
    except ScenarioError as error:
        raise RuntimeError(f"a compiled scenario that the language refuses: {error.problems[0].what}") from error
    return written


def _head(found: Compiled) -> Iterator[str]:
    names = ", ".join(each.name for each in found.providers)
    pace = "at its own pace" if found.factor == 1 else f"{found.factor:.4g} times as fast"
    story = f"What a log of {found.calls:,} calls over {_span(found.span_s)} to {names} shows, played {pace}."
    yield "# Compiled by `banstorm compile` from a log. Only times, statuses and kinds of failure were taken from it."
    yield from _comments(found.notes)
    if found.factor != 1:
        yield from _comment(
            f"Compressed {found.factor:.4g}x: a second here is {_span(found.factor)} of the log. Windows and the waits "
            "of Retry-After are that much shorter (a wait is at least 1s). Latencies, delays and the deadline are not: "
            "a router's own time limits don't shrink either."
        )
    yield "version: 1"
    yield f"title: {json.dumps(found.title, ensure_ascii=False)}"
    yield f"story: {json.dumps(story, ensure_ascii=False)}"
    yield f"source: {json.dumps(f'{found.what}, {found.name}', ensure_ascii=False)}"
    yield "tags: [incident, compiled]"
    yield f"seed: {found.seed}"


def _providers(found: Compiled) -> Iterator[str]:
    yield "providers:  # in the order of their traffic; the router should prefer the first"
    for each in found.providers:
        failed = mix(each.events)
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(failed.items(), key=lambda two: -two[1]))
        yield from _comment(f"{len(each.events):,} calls in the log; failed: {told or 'none'}. {_speed_told(each)}", 2)
        parts = [f"dialect: {each.dialect}", f"model: {json.dumps(found.models[each.name])}", *_speed(each)]
        yield f"  {_name(each.name)}: {{{', '.join(parts)}}}"
    if len(found.providers) == 1:
        yield from _comment("The log has one provider. Add the one that your router falls back to, such as:", 2)
        yield "  # fallback: {dialect: openai, model: gpt-5.4-mini}"


def _speed_told(provider: Provider) -> str:
    speed = provider.usual
    if speed is None:
        return "No latencies: the speed is banstorm's own."
    measured = "whole answers, less those of the tokens" if speed.whole else "times to the first byte"
    return f"ttft: {len(speed.times_s):,} good calls of its calm stretches ({measured})."


def _speed(provider: Provider) -> list[str]:
    speed = provider.usual
    if speed is None:
        return []
    quantiles = speed.ttft_s
    if len(quantiles) == 1:
        ttft = _duration(quantiles["p50"])
    else:
        ttft = "{" + ", ".join(f"{name}: {_duration(each)}" for name, each in quantiles.items()) + "}"
    pace = FAST_TOKENS if speed.whole else speed.tokens_per_second
    return [f"ttft: {ttft}", f"tokens_per_second: {float(f'{pace:.4g}'):.10g}"]  # 10000, never 1e+04


def _load(found: Compiled) -> Iterator[str]:
    yield "load:"
    told = f"the log has {found.observed_rate:.3g} calls/s"
    if found.factor != 1:
        told += f", {found.observed_rate * found.factor:.3g}/s compressed"
    if found.capped:
        told += "; capped, see --rate"
    elif found.rate > 1.01 * found.observed_rate * found.factor:
        told += "; raised, so that each window is met"
    yield from _comment(told + ".", 2)
    yield f"  rate: {found.rate:g}/s"
    if found.lead_s:
        yield from _comment(f"the first {found.lead_s:g}s come before the log: healthy load to compare with.", 2)
    if found.tail_s >= 0.1:
        yield from _comment(
            f"the last {found.tail_s:.3g}s come behind the log: {TAIL_S:g}s in which recovery shows.", 2
        )
    yield f"  duration: {_duration(found.duration_s)}"
    if found.stream is not None:
        yield f"  stream: {_share(found.stream)}  # of the calls that tell"
    yield f"  answer: {ANSWER_TOKENS} tokens"
    yield f"  deadline: {_duration(found.deadline_s)}  # twice the usual 99th percentile, at least 5s"


def _timeline(found: Compiled) -> Iterator[str]:
    left = [f"left out: {each.calls:,} × {each.kind} at {each.provider}, {each.why}" for each in found.left]
    if not found.windows:
        yield "timeline: []  # nothing failed often enough to tell a window"
        yield from _comments(left)
        return
    yield "timeline:  # time 0 is the first call after the warm-up"
    first = found.providers[0].name
    for _, group in groupby(found.windows, key=lambda each: (each.stretch.from_s, each.provider)):
        run = list(group)
        yield from _comment(_told(found, run), 2)
        if run[0].provider != first:
            yield from _comment(f"(met only if the router sends {run[0].provider} something by then)", 2)
        yield from (f"  - {_entry(each)}" for each in run)
    yield from _comments(left)


def _told(found: Compiled, run: list[Window]) -> str:
    """Which stretch of the log some windows come from, and what happened in it."""
    stretch = run[0].stretch
    kinds: dict[str, list[Window]] = {}
    for each in run:
        kinds.setdefault(each.kind, []).append(each)
    told = f"{_span(stretch.from_s - found.zero_s)} to {_span(stretch.until_s - found.zero_s)} into the log, "
    told += f"of {stretch.total:,} calls: "
    told += ", ".join(f"{sum(each.calls for each in its):,} {_kind(found, its[0])}" for its in kinds.values())
    taking_turns = len({each.kind for each in run if each.kind != SLOW}) > 1
    return told + ("; they take turns, since one fault answers a request" if taking_turns else "")


def _kind(found: Compiled, window: Window) -> str:
    provider = next(each for each in found.providers if each.name == window.provider)
    seen = Counter(each.status for each in provider.events if each.kind == window.kind and each.status)
    status = f" ({seen.most_common(1)[0][0]})" if seen and window.kind != SLOW else ""
    return window.kind + status + (f", played by {window.fault}, which is like it" if window.instead else "")


def _entry(window: Window) -> str:
    parts = [f"at: {_duration(window.from_s)}", f"until: {_duration(window.until_s)}"]
    parts += [f"on: {_name(window.provider)}", f"fault: {window.fault}"]
    if window.every_s:
        parts.append(f"every: {_duration(window.every_s)}, duty: {window.duty * 100:.8g}%")
    if window.share < 1:
        parts.append(f"share: {_share(window.share)}")
    if window.with_:
        told = ", ".join(f"{name}: {value}" for name, value in window.with_.items())
        parts.append(f"with: {{{told}}}")
    return "{" + ", ".join(parts) + "}"


def _expect(found: Compiled) -> Iterator[str]:
    yield "expect:  # what a good router meets; set your own"
    if found.lost > 0:
        least = min(100, math.ceil(found.lost * 100 + 1))
        yield from _comment(f"{found.lost:.1%} of the calls are due while every provider fails, or are cut off.", 2)
        yield f"  lost_calls: <= {least}%"
    else:
        yield "  lost_calls: 0"
    yield "  silent_losses: 0"
    if found.windows:
        yield f"  time_to_recover: <= {_duration(RECOVER_S)}"
        yield f"  retry_amplification: <= {AMPLIFICATION}"


def _comments(lines: list[str]) -> Iterator[str]:
    for each in lines:
        yield from _comment(each)


def _comment(line: str, indent: int = 0) -> list[str]:
    sign = " " * indent + "# "
    return textwrap.wrap(line, WIDTH, initial_indent=sign, subsequent_indent=sign)


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds < 1 else f"{round(seconds, 3):.10g}s"


def _name(name: str) -> str:
    """A provider's name as YAML has it: in quotes if it would be no text without them, as ``null`` and ``no``."""
    return name if yaml.safe_load(name) == name else json.dumps(name)


def _share(share: float) -> str:
    return f"{share * 100:.4g}%"


def _span(seconds: float) -> str:
    """A stretch of the log for people: 2 h 5 min, 1 min 10 s, 12.5 s."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
