"""What to fix first: a run's findings as a list of things to do, the gravest first. A pure function of the result.

The order goes by what an operator can bear least: a router that is gone, answers that are wrong without a word, calls
that are lost, trouble that lasts, load that the router makes itself, money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..scenarios.expectation import Unit, parse_expectation
from .plain import wanted
from .result import CheckOut, EpisodeOut, ExpectationOut, Result, State, ValueOut, Verdict

ADVICE_MAX: Final = 6
"""Most things to do that a page lists."""
REASONS_MAX: Final = 3
"""Most episodes whose numbers stand beside the same thing to do."""
TIGHT_SHARE_MIN: Final = 0.1
"""A value below this share of its limit was not close to it."""
_LEAST: Final = {"retry_amplification": 1.0, "cost_increase": 1.0}
"""What a measure is where nothing happens: a request a call, the same cost as before. For the others that is 0."""
_CALLERS_OWN: Final = frozenset({"late", "hung"})
STAYS_SHARE_MIN: Final = 0.5
"""A provider that was asked so often for each call due while it failed was never left, whoever answered in the end."""
STAYS_CALLS_MIN: Final = 10
"""Calls due that this takes to be said."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A thing to do, why (with the numbers of this run), and the expectations that it would mend."""

    title: str
    why: str
    mends: tuple[str, ...] = ()


def advice(result: Result) -> list[Advice]:
    """What to do about this run, the gravest first; empty where nothing is to be done."""
    if result.verdict is Verdict.INCONCLUSIVE:
        return _again(result)[:ADVICE_MAX]
    found = _merged(each for rule in _RULES for each in rule(result))
    mended = {measure for each in found for measure in each.mends}
    found += [
        Advice(f"Bring {each.measure} within its limit", f"Found {each.found}, wanted {wanted(each)}.", (each.measure,))
        for each in result.expectations
        if each.state is State.BROKEN and each.measure not in mended
    ]
    return found[:ADVICE_MAX]


def _merged(found: Iterable[Advice]) -> list[Advice]:
    """The same thing to do, for several episodes, told once."""
    by_title: dict[str, list[Advice]] = {}
    for each in found:
        by_title.setdefault(each.title, []).append(each)
    return [Advice(title, _whys(same), _all_mended(same)) for title, same in by_title.items()]


def _whys(same: Sequence[Advice]) -> str:
    more = len(same) - REASONS_MAX
    words = [f"So it was in {more} more episode{'s' * (more > 1)}."] if more > 0 else []
    return " ".join([*(each.why for each in same[:REASONS_MAX]), *words])


def _all_mended(same: Sequence[Advice]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(measure for each in same for measure in each.mends))


def _again(result: Result) -> list[Advice]:
    """An inconclusive run is repeated; what fell short says how."""
    short = [each for each in result.checks if not each.ok]
    by_hint: dict[str, list[CheckOut]] = {}
    for each in short:
        by_hint.setdefault(_hint(each.name), []).append(each)
    return [
        Advice(hint, f"{len(checks)} of {len(result.checks)} checks fell short: {_named(checks)}.")
        for hint, checks in by_hint.items()
    ]


def _named(checks: Sequence[CheckOut]) -> str:
    """What was checked, without the phase of the run that it was checked in."""
    return ", ".join(dict.fromkeys(each.name.partition(",")[0] for each in checks))


_HINTS: Final = (
    ("generator", "Repeat it on a quieter machine, or at a lower rate (--rate 15/s): our own clock was late"),
    ("event loop", "Repeat it on a quieter machine, or at a lower rate (--rate 15/s): our own clock was late"),
    (
        "CPU it asked for",
        "Repeat it on a quieter machine, or at a lower rate (--rate 15/s): the router had to wait for a CPU",
    ),
    ("sound before the fault", "Mend the router's usual service first: it lost calls before any fault"),
    ("readiness", "Point the router at the stand-in providers: its calls did not arrive there unchanged"),
    (" bit", "Make the fault reach the router's traffic: a provider that is never asked can't be broken"),
    (
        "expectations judged",
        "Give the run more calls: a longer load or a higher rate, so that each limit can be judged",
    ),
    ("our own processes", "Repeat it: a part of banstorm failed; its log is in the run's folder"),
    ("run completed", "Repeat it and let it come to its end"),
    ("target left alone", "Repeat it, and let nobody else end the router"),
)


def _hint(name: str) -> str:
    return next((hint for start, hint in _HINTS if start in name), "Repeat the run: what was recorded is not complete")


def _broken(result: Result, *names: str) -> tuple[str, ...]:
    return tuple(
        each.measure
        for each in result.expectations
        if each.state is State.BROKEN and each.measure.partition(".")[0] in names
    )


def _gone(result: Result) -> Iterator[Advice]:
    if result.target_gone:
        ended = result.reasons[0]
        yield Advice("Keep the router running", f"{ended[:1].upper()}{ended[1:]}.")


def _silent(result: Result) -> Iterator[Advice]:
    kinds = [each for each in result.outcomes if each.silent]
    if kinds:
        what = ", ".join(f"{each.silent:,} {each.outcome} ({each.meaning})" for each in kinds)
        mends = _broken(result, "silent_losses", "lost_calls", "availability")
        yield Advice("Check answers before you pass them on", f"Looked like a success and was none: {what}.", mends)


def _lost(result: Result) -> Iterator[Advice]:
    for episode in result.episodes:
        if episode.calls_lost > _silent_in(result, episode):
            yield from _lost_in(result, episode)
    early = sum(each.calls - each.good for each in result.phases if each.name == "baseline")
    if early and result.episodes:
        lost = f"{early:,} calls were" if early > 1 else "1 call was"
        yield Advice("Mend the usual service", f"{lost} lost before any fault.", _broken(result, "lost_calls"))


def _lost_in(result: Result, episode: EpisodeOut) -> Iterator[Advice]:
    which = f" in {episode.id}" if len(result.episodes) > 1 else ""
    toll = f"{episode.calls_lost:,} of {episode.calls_due:,} calls due while {_faults(episode)} lasted{which} were lost"
    mends = _broken(result, "lost_calls", "time_to_fail_over", "outage", "availability", "callers_hurt", "budget_spent")
    over, detect = episode.times.get("time_to_fail_over"), episode.times.get("time_to_detect")
    if _unseen(over) and not _elsewhere(result, episode):
        yield Advice(
            f"Fall back to another provider when {episode.provider} fails", f"{toll}; nobody else was asked.", mends
        )
    elif _unseen(over):
        yield Advice(
            f"Retry a call that fails at {episode.provider} with the next provider",
            f"{toll}; failover was never complete.",
            mends,
        )
    elif over is not None and over.value:
        more = (
            f", and it went on asking {episode.provider} for {detect.text}"
            if detect is not None and detect.value
            else ""
        )
        yield Advice(f"Leave {episode.provider} sooner", f"{toll}; failover took {over.text}{more}.", mends)
    else:
        yield Advice(f"Rescue every call that {episode.provider} fails", f"{toll}.", mends)


def _silent_in(result: Result, episode: EpisodeOut) -> float:
    """How many of the calls lost in an episode are silent losses: those have advice of their own."""
    values = next((each.values for each in result.findings if each.key == "silent_losses"), [])
    return next((each.amounts.get(Unit.NUMBER, 0) for each in values if each.scope == episode.id), 0)


def _elsewhere(result: Result, episode: EpisodeOut) -> bool:
    """Whether anybody but the broken provider was asked while the episode lasted."""
    line = result.timeline
    first, last = int(episode.from_s / line.step_s) + 1, int(episode.until_s / line.step_s)
    return any(any(counts[first:last]) for name, counts in line.attempts.items() if name != episode.provider)


def _unseen(value: ValueOut | None) -> bool:
    return value is not None and (value.censored or (value.applies and value.value is None))


def _faults(episode: EpisodeOut) -> str:
    return " and ".join(dict.fromkeys(each.fault for each in episode.windows))


def _patience(result: Result) -> Iterator[Advice]:
    late = [each for each in result.outcomes if each.outcome in _CALLERS_OWN and each.calls]
    if late:
        what = " and ".join(f"{each.calls:,} {each.outcome}" for each in late)
        yield Advice(
            "Give up on a slow attempt sooner",
            f"{what}: the router waited longer than the caller could.",
            _broken(result, "added_latency"),
        )


def _lasting(result: Result) -> Iterator[Advice]:
    for key, title in (
        ("time_to_recover", "Let go of the trouble once the provider is well"),
        ("time_to_revert", "Ask the preferred provider again sooner"),
        ("switch_gap", "Ask the next provider at once, without a pause"),
    ):
        mends = _broken(result, key)
        if mends:
            yield Advice(title, _found(result, mends[0]), mends)


_STAYING: Final = ("retry_amplification", "probe_rate", "time_to_detect", "time_to_fail_over")
"""What a router breaks that never leaves a provider, even if it loses nothing."""


def _stays(result: Result) -> Iterator[Advice]:
    mends = _broken(result, *_STAYING)
    for episode in result.episodes:
        if not mends or episode.calls_due < STAYS_CALLS_MIN or episode.calls_lost:
            continue
        hits = sum(each.bites for each in episode.windows)
        if hits >= STAYS_SHARE_MIN * episode.calls_due:
            yield Advice(
                f"Leave {episode.provider} while it fails: a circuit breaker, and one probe now and then",
                f"{hits:,} requests met {_faults(episode)} there while {episode.calls_due:,} calls were due: each call "
                "asked it first, and waited for that.",
                mends,
            )


def _load(result: Result) -> Iterator[Advice]:
    staying = list(_stays(result))
    yield from staying
    told = {measure for each in staying for measure in each.mends}
    for names, title in (
        (("retry_amplification",), "Retry less: a budget for retries, and a pause that grows"),
        (("probe_rate", "time_to_detect"), "Stop asking a provider that is down; one probe now and then is enough"),
    ):
        mends = tuple(each for each in _broken(result, *names) if each not in told)
        if mends:
            yield Advice(title, _found(result, mends[0]), mends)


def _money(result: Result) -> Iterator[Advice]:
    for names, title in (
        (("cost_increase", "cost_per_answer"), "Choose a substitute that costs no more than allowed"),
        (("wasted", "hidden_spend"), "Stop paying for answers that nobody uses: cancel what is no longer needed"),
        (("bookkeeping_drift",), "Count tokens as the providers bill them"),
    ):
        mends = _broken(result, *names)
        if mends:
            yield Advice(title, _found(result, mends[0]), mends)


def _found(result: Result, measure: str) -> str:
    each = next(each for each in result.expectations if each.measure == measure)
    note = f": {each.note}" if each.note else ""
    return f"{measure} was {each.found}, wanted {wanted(each)}{note}."


_RULES: Final[tuple[Callable[[Result], Iterator[Advice]], ...]] = (
    _gone,
    _silent,
    _lost,
    _patience,
    _lasting,
    _load,
    _money,
)


def tightest(result: Result) -> dict[str, float] | None:
    """The met limit that was closest to being broken: its `index` among the expectations, and how much of it was used.

    Only upper limits over 0 are compared, and only values of at least a tenth of them: below, nothing was close.
    """
    used = [
        (share, index) for index, each in enumerate(result.expectations) if (share := _used(result, each)) is not None
    ]
    best = max(used, default=None)
    return None if best is None or best[0] < TIGHT_SHARE_MIN else {"index": best[1], "share": best[0]}


def _used(result: Result, expectation: ExpectationOut) -> float | None:
    """The found value as a share of its limit; None where the two are not comparable."""
    try:
        limit = parse_expectation(expectation.measure, expectation.wanted)
    except ValueError:
        return None
    finding = next((each for each in result.findings if each.key == expectation.measure), None)
    if finding is None or expectation.state is not State.MET or limit.op not in {"<=", "<"} or limit.limit <= 0:
        return None
    amounts = [each.amounts.get(limit.unit) for each in finding.values if each.scope == expectation.scope]
    least = _LEAST.get(expectation.measure, 0.0)
    if not amounts or amounts[0] is None or limit.limit <= least:
        return None
    return (amounts[0] - least) / (limit.limit - least)
