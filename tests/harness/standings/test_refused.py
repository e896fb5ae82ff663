"""Accounts that are refused, and let in again: whom it reaches, and when, by the clock alone."""

from __future__ import annotations

import itertools

import pytest

BAN = {"at": "2s", "until": "8s", "on": "one", "standing": "org_disabled"}
REFUSED = ("org_disabled", "0:org_disabled")
ANSWERED = (None, None)
KEYS = [f"key-{number}" for number in range(200)]


def test_a_standing_holds_from_its_start_to_its_end(provider_of):
    """The start belongs to the window, the end does not, and every key of the provider meets it."""
    provider = provider_of(BAN)
    moments = {1.999: ANSWERED, 2.0: REFUSED, 7.999: REFUSED, 8.0: ANSWERED}
    assert moments == {now_s: provider.at(now_s) for now_s in moments}
    assert REFUSED == provider.at(5.0, "another key")


def test_nothing_is_changed_before_the_run_begins(provider_of):
    """Readiness calls and warm-up meet an account in good standing."""
    provider = provider_of(BAN, t0_s=None)
    assert ANSWERED == provider.at(5.0)
    provider.staged.begin(100.0)
    assert [ANSWERED, REFUSED] == [provider.at(101.0), provider.at(102.0)]


def test_a_run_that_began_already_is_joined_late(provider_of):
    """A window that is open or over when the start is heard is played as far as it is left."""
    late = provider_of(BAN, t0_s=None)
    late.now_s = 5.0
    late.staged.begin(0.0)
    assert [REFUSED, ANSWERED] == [late.at(5.0), late.at(8.0)]
    over = provider_of(BAN, t0_s=None)
    over.now_s = 9.0
    over.staged.begin(0.0)
    assert ANSWERED == over.ask()


def test_a_provider_that_is_not_meant_is_left_alone(provider_of):
    """`on` names the providers."""
    assert ANSWERED == provider_of(BAN, name="two").at(5.0)


def test_a_credential_alone_can_be_meant(provider_of):
    """Other keys of the account go on."""
    provider = provider_of(BAN | {"credential": "bad"})
    assert [REFUSED, ANSWERED] == [provider.at(5.0, "bad"), provider.at(5.0, "good")]


def test_a_ban_spreads_from_the_first_provider_to_the_others(provider_of):
    """`on` stands for an organisation's keys: the first is banned at once, the rest when the ban has spread."""
    entry = BAN | {"on": ["one", "two", "three"], "with": {"spread": "3s"}}
    names = ("one", "two", "three")
    found = {name: provider_of(entry, name=name, providers=names) for name in names}
    assert [REFUSED, ANSWERED, ANSWERED] == [found[name].at(4.999) for name in names]
    assert [REFUSED] * 3 == [found[name].at(5.0) for name in names]
    assert [ANSWERED] * 3 == [found[name].at(8.0) for name in names]


def test_a_ban_spreads_from_a_credential_to_its_organisation(provider_of):
    """Behind one base URL it is the named key first, then every key."""
    provider = provider_of(BAN | {"credential": "bad", "with": {"spread": "3s"}})
    assert [REFUSED, ANSWERED] == [provider.at(4.0, "bad"), provider.at(4.0, "good")]
    assert [REFUSED, REFUSED] == [provider.at(5.0, "bad"), provider.at(5.0, "good")]
    assert [ANSWERED, ANSWERED] == [provider.at(8.0, "bad"), provider.at(8.0, "good")]


def _refused(provider, now_s: float) -> set[str]:
    return {key for key in KEYS if provider.at(now_s, key) != ANSWERED}


def test_a_roll_out_reaches_more_and_more_keys_and_keeps_those_it_has(provider_of):
    """The share of keys grows in proportion to the time, up to `share`; whoever was reached stays reached."""
    provider = provider_of(BAN | {"share": "60%", "with": {"rollout": "4s"}})
    steps = [_refused(provider, now_s) for now_s in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)]
    shares = [len(step) / len(KEYS) for step in steps]
    assert [0.0, 0.15, 0.3, 0.45, 0.6, 0.6] == pytest.approx(shares, abs=0.08)
    assert shares[0] == 0
    assert all(earlier <= later for earlier, later in itertools.pairwise(steps))


def test_the_keys_that_a_roll_out_reaches_follow_from_the_seed_and_the_provider(provider_of):
    """The same run reaches the same keys; another seed, or another provider of the run, others."""
    entry = BAN | {"on": ["one", "two"], "share": "50%"}
    first = _refused(provider_of(entry), 5.0)
    assert first == _refused(provider_of(entry), 5.0)
    assert first != _refused(provider_of(entry, seed=2), 5.0)
    assert first != _refused(provider_of(entry, name="two"), 5.0)


def test_a_revocation_settles_node_by_node(provider_of):
    """Of one key's requests a growing share is refused until every node knows; then all are."""
    provider = provider_of(BAN | {"with": {"settle": "4s"}})
    shares = [sum(provider.at(now_s) != ANSWERED for _ in range(300)) / 300 for now_s in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)]
    assert [0.0, 0.25, 0.5, 0.75, 1.0, 1.0] == pytest.approx(shares, abs=0.15)
    assert shares[0] == 0
    assert [1.0, 1.0] == shares[-2:]


MODELS = [
    # (entry's model, the model asked for, refused)
    (None, "claude-sonnet-5", True),
    (None, "claude-haiku-5-5", False),
    ("claude-haiku-5-5", "claude-haiku-5-5", True),
    ("claude-haiku-5-5", "claude-sonnet-5", False),
]


@pytest.mark.parametrize(("meant", "asked", "refused"), MODELS)
@pytest.mark.parametrize("kind", ["model_retired", "model_not_found"])
def test_a_model_is_gone_while_others_stay(provider_of, kind, meant, asked, refused):
    """It is the scenario's own model of the provider, or the entry's."""
    provider = provider_of(BAN | {"standing": kind, "model": meant})
    assert ANSWERED == provider.at(1.0, model=asked)
    assert ((kind, f"0:{kind}") if refused else ANSWERED) == provider.at(5.0, model=asked)
    assert ANSWERED == provider.at(8.0, model=asked)


APPEAL = {"at": "4s", "until": "8s", "on": "one", "standing": "reinstated"}
LET_IN = (None, "1:reinstated")


def test_a_reinstated_account_is_answered_and_says_so(provider_of):
    """What is let in though another entry would refuse it names the reinstatement, which thereby bites."""
    provider = provider_of(BAN, APPEAL)
    moments = {1.0: ANSWERED, 3.0: REFUSED, 4.0: LET_IN, 7.0: LET_IN, 8.0: ANSWERED}
    assert moments == {now_s: provider.at(now_s) for now_s in moments}


def test_a_reinstatement_settles_too(provider_of):
    """Each request is refused by the ban or let in by the appeal, and never merely answered."""
    provider = provider_of(BAN, APPEAL | {"with": {"settle": "4s"}})
    found = [provider.at(6.0) for _ in range(300)]
    assert {REFUSED, LET_IN} == set(found)
    assert 0.5 == pytest.approx(found.count(LET_IN) / 300, abs=0.15)


def test_a_reinstatement_of_nobody_who_was_refused_bites_nothing(provider_of):
    """Without a ban there is nothing to let in: such an entry proves nothing, and the run is inconclusive."""
    assert ANSWERED == provider_of(APPEAL).at(5.0)


def test_a_key_is_reinstated_from_what_was_done_to_it_alone(provider_of):
    """A key of a banned organisation stays banned; a banned key of one in good standing is let in, no other."""
    appeal = APPEAL | {"credential": "lucky"}
    assert REFUSED == provider_of(BAN, appeal).at(5.0, "lucky")
    lucky = provider_of(BAN | {"credential": "lucky"}, appeal)
    assert LET_IN == lucky.at(5.0, "lucky")
    assert REFUSED == provider_of(BAN | {"credential": "other"}, appeal).at(5.0, "other")


def test_a_later_ban_of_the_same_account_counts(provider_of):
    """Of two changes the one that began last counts, whatever the order in the file."""
    worse = {"at": "5s", "until": "6s", "on": "one", "standing": "permission_denied"}
    for entries, names in (((BAN, worse), ("0", "1")), ((worse, BAN), ("1", "0"))):
        provider = provider_of(*entries)
        assert f"{names[0]}:org_disabled" == provider.at(4.0)[1]
        assert f"{names[1]}:permission_denied" == provider.at(5.0)[1]
        assert f"{names[0]}:org_disabled" == provider.at(6.0)[1]


def test_what_nobody_counts_names_no_entry_in_an_answer(provider_of):
    """Without an injector in front, which takes the header out again, an answer carries none of ours."""
    provider = provider_of(BAN, APPEAL)
    assert ANSWERED == provider.at(5.0, counted=False)
