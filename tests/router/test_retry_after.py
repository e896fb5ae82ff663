"""Retry-After in all its forms."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from banstorm.router.retry_after import read_retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "message", "seconds", "note"),
    [
        ({}, "", None, ""),
        ({"retry-after": "7"}, "", 7.0, ""),
        ({"retry-after": " 1.5 "}, "", 1.5, ""),
        ({"retry-after": "0"}, "", 0.0, ""),
        ({"retry-after": "-3"}, "", 0.0, "in the past"),
        ({"retry-after": formatdate(NOW + 20, usegmt=True)}, "", 20.0, ""),
        ({"retry-after": formatdate(NOW - 20, usegmt=True)}, "", 0.0, "in the past"),
        ({"retry-after-ms": "1500"}, "", 1.5, ""),
        ({"retry-after-ms": "500", "retry-after": "9"}, "", 0.5, ""),
        ({"retry-after": "soon"}, "", None, "can't be read"),
        ({"retry-after": "nan"}, "", None, "can't be read"),
        ({"retry-after": ""}, "", None, "can't be read"),
        ({"retry-after": "7999"}, "", 60.0, "capped at 60 s"),
        ({"retry-after": "inf"}, "", 60.0, "capped at 60 s"),
        ({"retry-after": "1e300"}, "", 60.0, "capped at 60 s"),
        ({}, "Please try again in 18.642s. Visit", 18.642, ""),
        ({}, "Please try again in 120ms.", 0.12, ""),
        ({}, "Please try again in 6m0s", 60.0, ""),
        ({"retry-after": "junk"}, "Please try again in 2s", 2.0, "can't be read"),
        ({}, "Please try again in a while", None, ""),
    ],
)
def test_forms(headers, message, seconds, note):
    """Numbers, dates, milliseconds and the message's words are read; junk is named, the absurd is capped."""
    wait = read_retry_after(headers, message, now_s=NOW, max_s=60.0)
    assert pytest.approx(seconds) == wait.seconds
    assert note in wait.note
    assert bool(note) == bool(wait.note)
