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
        ({}, "Quota exceeded.\nPlease retry in 7s.", 7.0, ""),
        ({}, "Please retry after 86400 seconds. Please go here", 60.0, ""),
        ({"x-amz-retry-after": "9000"}, "", 9.0, ""),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW) + 30)}, "", 30.0, ""),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW) + 7999)}, "", 60.0, "capped at 60 s"),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW) - 5)}, "", None, ""),
    ],
)
def test_forms(headers, message, seconds, note):
    """Numbers, dates, milliseconds and the message's words are read; junk is named, the absurd is capped."""
    wait = read_retry_after(headers, message, now_s=NOW, max_s=60.0)
    assert pytest.approx(seconds) == wait.seconds
    assert note in wait.note
    assert bool(note) == bool(wait.note)


@pytest.mark.parametrize(("body_s", "seconds"), [(7.0, 7.0), (13872.0, 60.0), (-1.0, 0.0)])
def test_the_bodys_own_field(body_s, seconds):
    """A wait that stands in a field of the body counts where no header names one."""
    assert seconds == read_retry_after({}, "try again in 2s", now_s=NOW, max_s=60.0, body_s=body_s).seconds
    assert 5.0 == read_retry_after({"retry-after": "5"}, "", now_s=NOW, max_s=60.0, body_s=body_s).seconds
