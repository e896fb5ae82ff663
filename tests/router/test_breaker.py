"""The circuit breaker on a clock that only moves when told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from banstorm.router.config import Breaker as Settings
from banstorm.router.errors import Failure, Meaning
from banstorm.router.policies.breaker import Breaker, State, Ticket
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

BAN = Failure(Meaning.ACCOUNT, "org_disabled")
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded")
DRIFT = Failure(Meaning.DRIFTED, "drift_fields")
MINE = Failure(Meaning.REQUEST, "invalid_request")


def limited(seconds: float | None) -> Failure:
    """A rate limit."""
    return Failure(Meaning.LIMITED, "rate_limited", retry_after_s=seconds)


@dataclass
class Lab:
    """A breaker, its clock, and the states it went through."""

    settings: Settings
    now: float = 1000.0
    chance: float = 0.0
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(
            self.settings, clock=lambda: self.now, chance=lambda n: self.chance, changed=self.states.append
        )

    def fail(self, failure: Failure) -> bool:
        """One failing attempt; False if it was refused."""
        ticket = self.breaker.admit()
        if ticket is None:
            return False
        self.breaker.failed(ticket, failure)
        return True


@pytest.fixture
def lab() -> Callable[..., Lab]:
    """Makes breakers with settings."""

    def make(**more: Any) -> Lab:
        return Lab(Settings(**more))

    return make


@pytest.mark.parametrize(
    ("failures", "state"),
    [
        ([BAN], State.OPEN),
        ([Failure(Meaning.CREDENTIAL, "bad_key")], State.OPEN),
        ([Failure(Meaning.MODEL, "model_unknown")], State.OPEN),
        ([limited(3)], State.OPEN),
        ([limited(None)], State.OPEN),
        ([OVERLOADED] * 2, State.CLOSED),
        ([OVERLOADED] * 3, State.OPEN),
        ([DRIFT] * 2, State.CLOSED),
        ([DRIFT] * 3, State.OPEN),
        ([OVERLOADED, DRIFT, OVERLOADED], State.OPEN),
        ([MINE] * 50, State.CLOSED),
        ([Failure(Meaning.UNFIT, "larger_than_limit")] * 50, State.CLOSED),
    ],
)
def test_what_opens_it(lab, failures, state):
    """Bans and limits open it at once, accidents after a few, the caller's own faults never."""
    one = lab()
    for failure in failures:
        one.fail(failure)
    assert state == one.breaker.state


def test_share_of_failures_opens_it(lab):
    """Half the attempts failing opens it even though no three fail in a row; a tenth doesn't."""
    tenth, half = lab(), lab()
    for n in range(100):
        for one, every in ((tenth, 10), (half, 2)):
            ticket = one.breaker.admit()
            if ticket is None:
                continue
            if n % every:
                one.breaker.succeeded(ticket)
            else:
                one.breaker.failed(ticket, OVERLOADED)
    assert (State.CLOSED, State.OPEN) == (tenth.breaker.state, half.breaker.state)


def test_old_failures_are_forgotten(lab):
    """Only what happened within the window counts toward the share."""
    one = lab(failures_in_a_row=100)
    for _ in range(9):
        one.fail(OVERLOADED)
    one.now += 10.1
    one.fail(OVERLOADED)
    assert State.CLOSED == one.breaker.state


def test_one_probe_at_a_time(lab):
    """After the cooldown one attempt is let through; the others are refused until its verdict."""
    one = lab()
    one.fail(BAN)
    assert one.breaker.admit() is None
    one.now += 1.0
    probe = one.breaker.admit()
    assert probe is not None
    assert probe.probe
    assert [None, None] == [one.breaker.admit(), one.breaker.admit()]
    one.breaker.succeeded(probe)
    assert [State.OPEN, State.HALF_OPEN, State.CLOSED] == one.states


def test_cooldown_grows_with_failed_probes(lab):
    """Each failed probe waits a quarter longer, up to the longest cooldown."""
    one = lab(cooldown_max=2.0)
    one.fail(BAN)
    waits = []
    for _ in range(6):
        waits.append(one.breaker.wait_s)
        one.now += one.breaker.wait_s
        one.fail(BAN)
    assert pytest.approx([1.0, 1.25, 1.5625, 1.953125, 2.0, 2.0]) == waits


def test_probes_stay_rare_and_recovery_is_found_soon(lab):
    """While broken for any time T, probes are at least a second apart, and the end is found within T / 4 + 1.2 s."""
    for broken_s in (0.5, 2, 5, 20, 40):
        one = lab()
        one.chance = 0.999
        start = one.now
        one.fail(BAN)
        probes = []
        while one.now - start < broken_s:
            one.now += one.breaker.wait_s
            probes.append(one.now)
            if one.now - start < broken_s:
                one.fail(BAN)
        gaps = [later - sooner for sooner, later in zip([start, *probes], probes, strict=False)]
        assert min(gaps) >= 1.0
        assert probes[-1] - start - broken_s <= broken_s / 4 * 1.1 + 1.2


def test_jitter_only_adds(lab):
    """Jitter lengthens a wait, so a Retry-After is never undercut."""
    one = lab(jitter=0.1)
    one.chance = 0.5
    one.fail(limited(10))
    assert pytest.approx(10.5) == one.breaker.wait_s


def test_retry_after_is_the_cooldown(lab):
    """A limit's own time is taken, whether it is shorter or longer than the cooldown."""
    for seconds, wait in ((0.2, 0.2), (30.0, 30.0), (None, 1.0), (0.0, 1.0)):
        one = lab()
        one.fail(limited(seconds))
        assert pytest.approx(wait) == one.breaker.wait_s


def test_late_failures_change_nothing(lab):
    """Attempts from before the opening can neither lengthen the cooldown nor reopen it after a good probe."""
    one = lab()
    late = [one.breaker.admit() for _ in range(100)]
    one.fail(BAN)
    for ticket in late[:50]:
        one.breaker.failed(ticket, OVERLOADED)
    assert pytest.approx(1.0) == one.breaker.wait_s
    one.now += 1.0
    one.breaker.succeeded(one.breaker.admit())
    for ticket in late[50:]:
        one.breaker.failed(ticket, BAN)
    assert State.CLOSED == one.breaker.state


def test_an_abandoned_probe_frees_the_slot(lab):
    """A probe whose caller left, or whose caller was at fault, says nothing: the next call probes again."""
    for end in (lambda b, t: b.abandoned(t), lambda b, t: b.failed(t, MINE)):
        one = lab()
        one.fail(BAN)
        one.now += 1.0
        end(one.breaker, one.breaker.admit())
        again = one.breaker.admit()
        assert again is not None
        assert again.probe


def test_a_flapping_provider_keeps_its_long_cooldown(lab):
    """Coming back for a moment doesn't reset the growth; a quiet time as long as the longest cooldown does."""
    one = lab(cooldown_max=4.0)
    for _ in range(3):
        one.fail(BAN)
        one.now += one.breaker.wait_s
    one.breaker.succeeded(one.breaker.admit())
    one.fail(BAN)
    flapping = one.breaker.wait_s
    one.now += flapping
    one.breaker.succeeded(one.breaker.admit())
    one.now += 4.1
    one.fail(BAN)
    assert pytest.approx((1.25**3, 1.0)) == (flapping, one.breaker.wait_s)


def test_disabled_never_refuses(lab):
    """`enabled: false` asks every time."""
    one = lab(enabled=False)
    assert [True] * 20 == [one.fail(BAN) for _ in range(20)]


class Storm(RuleBasedStateMachine):
    """Any mix of attempts, verdicts and time."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Lab(Settings())
        self.out: list[Ticket] = []
        self.probes: list[Ticket] = []

    @rule()
    def ask(self) -> None:
        """A call asks for an attempt."""
        ticket = self.lab.breaker.admit()
        if ticket is not None:
            (self.probes if ticket.probe else self.out).append(ticket)

    @rule(seconds=st.floats(0.01, 20))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.lab.now += seconds

    @precondition(lambda self: self.out or self.probes)
    @rule(data=st.data(), failure=st.sampled_from([None, BAN, OVERLOADED, DRIFT, MINE, limited(5), limited(None)]))
    def verdict(self, data: st.DataObject, failure: Failure | None) -> None:
        """An attempt ends, in any order."""
        ticket = data.draw(st.sampled_from(self.out + self.probes))
        (self.probes if ticket.probe else self.out).remove(ticket)
        if failure is None:
            self.lab.breaker.succeeded(ticket)
        else:
            self.lab.breaker.failed(ticket, failure)

    @rule()
    def leave(self) -> None:
        """Every caller leaves."""
        for ticket in self.out + self.probes:
            self.lab.breaker.abandoned(ticket)
        self.out, self.probes = [], []

    @invariant()
    def at_most_one_probe(self) -> None:
        """There is never more than one probe on its way, and never one outside half-open."""
        assert len(self.probes) <= 1
        assert bool(self.probes) == (self.lab.breaker.state is State.HALF_OPEN)

    @invariant()
    def never_stuck(self) -> None:
        """An open breaker always knows when it will let a probe through, and that isn't far away."""
        assert self.lab.breaker.wait_s <= 15 * 1.1


Storm.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestStorm = Storm.TestCase
