"""The measures in plain words, for a reader who has never seen this project. Light: every page uses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .result import ExpectationOut, Result, State

NO_ROUTER: Final = "none"
"""The target that is no router at all: the providers' own libraries, asked directly."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A measure as a question that its value answers, and what it means when the value is worse than wanted."""

    question: str
    broken: str


_PLAIN: Final = {
    "lost_calls": Plain(
        "How many calls got no right answer in time?",
        "Callers were left without the right answer.",
    ),
    "silent_losses": Plain(
        "How many wrong answers looked like a success?",
        "Callers were given something wrong and nobody was told: no retry, no alert, no error in any log.",
    ),
    "callers_hurt": Plain(
        "How many callers lost at least one call?",
        "More people noticed than was thought acceptable.",
    ),
    "caller_fairness": Plain(
        "How evenly was the harm spread over the callers?",
        "Some callers carried far more of the harm than others.",
    ),
    "time_to_detect": Plain(
        "How long did the router go on asking the broken provider?",
        "Calls kept being sent to where they could only fail.",
    ),
    "switch_gap": Plain(
        "How long did a call wait between one provider and the next?",
        "A rescued call was rescued late: the router waited before it asked somebody else.",
    ),
    "time_to_fail_over": Plain(
        "How long until every answer was right again, from another provider?",
        "It took longer than wanted until another provider answered every call, if it ever did.",
    ),
    "outage": Plain(
        "How long was the longest stretch in which no call came right?",
        "For that long the service was down for everybody.",
    ),
    "added_latency": Plain(
        "How much slower were right answers while the fault lasted?",
        "Callers who were served waited noticeably longer than before.",
    ),
    "time_to_recover": Plain(
        "After the fault: how long until calls were as good and as fast as before?",
        "The trouble outlasted its cause: the provider was well again, the callers were not.",
    ),
    "time_to_revert": Plain(
        "After the fault: how long until the preferred provider answered again?",
        "Traffic stayed with the substitute, with its price and its quality.",
    ),
    "probe_rate": Plain(
        "How often was the broken provider asked, once the router had left it?",
        "Probes this frequent are load on a provider that is down, and may keep an account locked.",
    ),
    "retry_amplification": Plain(
        "How many requests did the router send for each call?",
        "The router made the storm larger: retries like these keep a struggling provider down.",
    ),
    "metastable": Plain(
        "Did the trouble stay after its cause was gone?",
        "The system held itself down: it would not have come back without help.",
    ),
    "availability": Plain(
        "What share of the calls got the right answer in time?",
        "The service was available for fewer calls than promised.",
    ),
    "budget_spent": Plain(
        "How much of a month's error budget did this run take?",
        "A single event like this eats more of the month's allowance than planned.",
    ),
    "cost_per_answer": Plain(
        "What did a good answer cost?",
        "Good answers cost more than planned.",
    ),
    "cost_increase": Plain(
        "How did the cost of a good answer change while the fault lasted?",
        "Failover was paid for: answers cost more than allowed while it lasted.",
    ),
    "wasted": Plain(
        "How much was billed for nothing good?",
        "Money went to attempts that no caller had anything from.",
    ),
    "bookkeeping_drift": Plain(
        "Do the tokens reported to callers match those billed?",
        "The usage that answers report can't be trusted for billing or budgets.",
    ),
    "hidden_spend": Plain(
        "How much was billed that no answer's usage shows?",
        "Budgets built on reported usage miss this money.",
    ),
}
_NAMES: Final = {
    "retry_amplification": "requests for each call",
    "cost_increase": "cost of a good answer, against before",
    "wasted": "billed for nothing good",
    "bookkeeping_drift": "tokens reported against tokens billed",
}
"""What a measure is called in a sentence, where its key with spaces for underscores would say little."""
_KEYS: Final = re.compile(rf"\b({'|'.join(key for key in _PLAIN if '_' in key)})(?:\.(\w+))?( was )?")
_OPERATORS: Final = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than", "==": "exactly"}


def plain(key: str) -> Plain:
    """An expectation key's measure in plain words; for one that has none, the key itself."""
    name, _, statistic = key.partition(".")
    found = _PLAIN.get(name)
    if found is None:
        return Plain(f"{key.replace('_', ' ').replace('.', ', ')}?", "")
    return Plain(f"{found.question[:-1]} ({_statistic(statistic)})?", found.broken) if statistic else found


def name(key: str) -> str:
    """An expectation key's measure as a sentence names it: ``switch_gap.p95`` is "switch gap (95 of 100, p95)"."""
    measure, _, statistic = key.partition(".")
    told = _NAMES.get(measure, measure.replace("_", " "))
    return f"{told} ({_statistic(statistic)})" if statistic else told


def reworded(text: str) -> str:
    """A sentence of advice with the measures' names for their keys: nobody has to know ``retry_amplification``."""

    def told(match: re.Match[str]) -> str:
        named = name(match[1] + (f".{match[2]}" if match[2] else ""))
        return f"{named[0].upper()}{named[1:]}: " if match[3] else named

    return _KEYS.sub(told, text)


def headline(result: Result) -> str:
    """The verdict's sentence, for a page that says in a place of its own which limit broke first.

    Without that place in the sentence, a fail that lost no call would not say what failed.
    """
    told, cut, _ = result.sentence.partition("; first to break was")
    if result.run.target == NO_ROUTER and told.startswith(f"{NO_ROUTER} "):
        told = f"Callers without a router{told.removeprefix(NO_ROUTER)}"
    if not cut:
        return told
    if all(each.good for each in result.outcomes if each.calls):
        broken = sum(each.state is State.BROKEN for each in result.expectations)
        told = (
            f"{told.rpartition(': ')[0]}: every call got the right answer in time, but "
            f"{broken} of {len(result.expectations)} limits {'was' if broken == 1 else 'were'} broken"
        )
    return re.sub(r": 1 of ([\d,]+) calls were", r": 1 of \1 calls was", told) + "."


def wanted(expectation: ExpectationOut) -> str:
    """The limit in words: ``<= 250ms`` is "at most 250ms"; ``== 0`` is "none" where things are counted."""
    sign, _, limit = expectation.wanted.partition(" ")
    if sign not in _OPERATORS:
        return expectation.wanted
    return "none" if (sign, limit) == ("==", "0") else f"{_OPERATORS[sign]} {limit}"


def _statistic(name: str) -> str:
    return {"p50": "half of them, p50", "p95": "95 of 100, p95", "p99": "99 of 100, p99", "max": "the worst"}.get(
        name, name
    )
