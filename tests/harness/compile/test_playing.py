"""Which fault plays what a log shows."""

from __future__ import annotations

import pytest
from banstorm.fakes import dialects
from banstorm.harness import faults
from banstorm.harness.compile.events import OWN_KINDS
from banstorm.harness.compile.playing import fault_for


@pytest.mark.parametrize(
    ("dialect", "kind", "status", "partial", "fault"),
    [
        ("anthropic", "overloaded", 529, True, "overloaded"),
        ("anthropic", "org_disabled", 400, False, "org_disabled"),
        ("openai", "bad_key", 401, False, "key_revoked"),
        ("openai", "stream_error", 200, True, "error_event"),
        ("openai", "slow", 200, True, "slow_first_token"),
        ("openai", "no_answer", None, True, "hang"),
        ("openai", "connection_refused", None, False, "connection_refused"),
        # a closed door has no share
        ("openai", "connection_refused", None, True, "connection_reset"),
        # a vendor that has no 504 still has an internal error
        ("openai", "timeout", 504, True, "server_error"),
        # a 400 to everything is no mistake of every caller's
        ("anthropic", "bad_request", 400, False, "org_disabled"),
        ("anthropic", "bad_request", 400, True, "context_too_long"),
        ("openai", "conflict", 409, True, None),
    ],
)
def test_what_a_log_shows_is_played_by_the_nearest_fault(dialect, kind, status, partial, fault):
    """The fault of that very kind if the vendor has it, else one of the same status, else none."""
    choice = fault_for(kind, dialect, status, partial=partial)
    assert fault == (choice and choice.fault)


@pytest.mark.parametrize("dialect", dialects.names())
@pytest.mark.parametrize("kind", sorted(OWN_KINDS))
def test_what_needs_no_words_is_played_at_every_vendor(dialect, kind):
    """Connections, streams and delays are nobody's own."""
    assert fault_for(kind, dialect, None, partial=True) is not None


@pytest.mark.parametrize("name", faults.names())
def test_a_fault_is_exact_only_for_its_own_kind(name):
    """What is only like it is told so."""
    kind = faults.find(name).failure_kind
    for dialect in ("openai", "anthropic"):
        choice = fault_for(kind, dialect, None, partial=True) if kind else None
        assert choice is None or not choice.exact or kind == faults.find(choice.fault).failure_kind
