"""Retry-After in all its forms."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate

import pytest
from banstorm.router.classify import classify
from banstorm.router.retry_after import read_retry_after

NOW = 1_800_000_000.0


def iso(seconds: float, hours: int = 0) -> str:
    """A point in time this far from now, as RFC 3339 writes it in a zone."""
    zone = timezone(timedelta(hours=hours)) if hours else UTC
    return datetime.fromtimestamp(NOW + seconds, zone).isoformat()


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
        # dates: RFC 3339, and the two older forms of HTTP's; without a zone they are UTC
        ({"anthropic-ratelimit-unified-reset": iso(30)}, "", 30.0, ""),
        ({"anthropic-ratelimit-unified-reset": iso(-30)}, "", None, ""),
        ({"retry-after": iso(30)}, "", 30.0, ""),
        ({"retry-after": iso(30).replace("+00:00", "Z")}, "", 30.0, ""),
        ({"retry-after": iso(30).replace("+00:00", "z").replace("T", "t")}, "", 30.0, ""),
        ({"retry-after": iso(30).replace("+00:00", ".250Z")}, "", 30.25, ""),
        ({"retry-after": iso(30).replace("+00:00", "")}, "", 30.0, ""),
        ({"retry-after": iso(30, hours=2)}, "", 30.0, ""),
        ({"retry-after": iso(-30)}, "", 0.0, "in the past"),
        ({"retry-after": iso(7999)}, "", 60.0, "capped at 60 s"),
        ({"retry-after": formatdate(NOW + 20)}, "", 20.0, ""),
        ({"retry-after": time.asctime(time.gmtime(NOW + 20))}, "", 20.0, ""),
        ({"retry-after": time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(NOW + 20))}, "", 20.0, ""),
        ({"retry-after": "9999-99-99T00:00:00Z"}, "", None, "can't be read"),
        # durations with their units, whatever the header's own
        ({"retry-after": "30s"}, "", 30.0, ""),
        ({"retry-after": "30 seconds"}, "", 30.0, ""),
        ({"retry-after": "0s"}, "", 0.0, ""),
        ({"retry-after": "20ms"}, "", 0.02, ""),
        ({"retry-after": "0m15.5s"}, "", 15.5, ""),
        ({"retry-after": "6m0s"}, "", 60.0, "capped at 60 s"),
        ({"retry-after": "1h2m"}, "", 60.0, "capped at 60 s"),
        ({"retry-after-ms": "2s"}, "", 2.0, ""),
        ({"retry-after": "2 fortnights"}, "", None, "can't be read"),
        ({"retry-after": "5mo"}, "", None, "can't be read"),
        # Unix timestamps, and what two proxies said
        ({"retry-after": str(int(NOW) + 20)}, "", 20.0, ""),
        ({"retry-after": str(int(NOW) - 20)}, "", 0.0, "in the past"),
        ({"retry-after-ms": str((int(NOW) + 20) * 1000)}, "", 20.0, ""),
        ({"retry-after": "1e9"}, "", 60.0, "capped at 60 s"),
        ({"retry-after": "20, 30"}, "", 20.0, ""),
        ({"retry-after-ms": "junk", "retry-after": "9"}, "", 9.0, "can't be read"),
        ({"retry-after": "junk", "anthropic-ratelimit-unified-reset": iso(30)}, "", 30.0, "can't be read"),
        # the message's words
        ({}, "Rate limited, try again in 5 minutes.", 60.0, ""),
        ({}, "Please try again in 5 seconds", 5.0, ""),
        ({}, "Please try again in about 0.5 minutes", 30.0, ""),
        ({}, "Try again in 0 minutes and 40 seconds.", 40.0, ""),
        ({}, "Please retry your request after 40 secs.", 40.0, ""),
        ({}, "Please try again in 1m", 60.0, ""),
        ({}, "Please try again in 5 months", None, ""),
        ({}, "Please try again in 5", None, ""),
        # when a window with nothing left ends; not when a bucket is full
        ({"x-ratelimit-reset-requests": "20s", "x-ratelimit-remaining-requests": "0"}, "", None, ""),
        ({"x-ratelimit-reset-tokens": "6m0s"}, "", None, ""),
        ({"x-ratelimit-reset": "20s", "x-ratelimit-remaining": "0"}, "", 20.0, ""),
        ({"x-ratelimit-reset": "20s", "x-ratelimit-remaining": "5"}, "", None, ""),
        ({"x-ratelimit-reset": "6m0s"}, "", 60.0, "capped at 60 s"),
        ({"x-ratelimit-reset": "0s"}, "", None, ""),
        ({"x-ratelimit-reset": "soon"}, "", None, ""),
        ({"x-ratelimit-reset": "20s", "retry-after": "3"}, "", 3.0, ""),
        ({"x-ratelimit-reset": "20s"}, "Please try again in 2s", 2.0, ""),
        ({"anthropic-ratelimit-tokens-reset": iso(30)}, "", None, ""),
        ({"x-ratelimit-reset": "20s", "retry-after": "soon"}, "", None, "can't be read"),
        ({"x-ratelimit-reset": str((int(NOW) + 20) * 1000)}, "", 20.0, ""),
        ({"x-ratelimit-reset": str(int(NOW) + 20)}, "", 20.0, ""),
        ({"ratelimit-reset": "20"}, "", 20.0, ""),
    ],
)
def test_forms(headers, message, seconds, note):
    """Numbers, dates, durations and the message's words are read; junk is named, the absurd is capped."""
    wait = read_retry_after(headers, message, now_s=NOW, max_s=60.0)
    assert pytest.approx(seconds) == wait.seconds
    assert note in wait.note
    assert bool(note) == bool(wait.note)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"x-ratelimit-reset": "20s", "x-ratelimit-remaining": "0"}, None),
        (503, {"anthropic-ratelimit-unified-reset": iso(30)}, None),
        (503, {"retry-after": "20s"}, 20.0),
        (429, {"x-ratelimit-reset": "20s"}, 20.0),
        (429, {"anthropic-ratelimit-unified-reset": iso(30)}, 30.0),
    ],
)
def test_an_overload_doesnt_end_with_a_window(status, headers, seconds):
    """Limits' headers come with every answer: they are a wait where one was reached, not in an overload."""
    failure = classify("openai", status, {"error": {"message": "no"}}, headers=headers, now_s=NOW)
    assert pytest.approx(seconds) == failure.retry_after_s


@pytest.mark.parametrize(("body_s", "seconds"), [(7.0, 7.0), (13872.0, 60.0), (-1.0, 0.0)])
def test_the_bodys_own_field(body_s, seconds):
    """A wait that stands in a field of the body counts where no header names one."""
    assert seconds == read_retry_after({}, "try again in 2s", now_s=NOW, max_s=60.0, body_s=body_s).seconds
    assert 5.0 == read_retry_after({"retry-after": "5"}, "", now_s=NOW, max_s=60.0, body_s=body_s).seconds
