"""A subscription's windows in the headers of every answer, in the words of Anthropic and of OpenAI.

Sources: manaflow-ai/subrouter#24, anomalyco/opencode#49653 and askalf/dario#1244 for Anthropic's,
earendil-works/pi#4172 and icebear0828/codex-proxy#65 for OpenAI's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from .dialects.base import Headers
from .meters import Window
from .shelf import Vendor

WARNING: Final = 0.8
"""Share of a window from which it is told with a warning: a guess, the vendor names none."""

_UNIFIED: Final = "anthropic-ratelimit-unified-"
_CODEX: Final = "x-codex-"


def told(headers: Headers, windows: Sequence[Window], vendor: Vendor, now_s: float) -> Headers:
    """`headers` with the windows' figures in place of those of an API key's limits.

    Args:
        headers: What the dialect wrote.
        windows: The windows, brought up to now.
        vendor: Whose words they are; one without words for windows tells nothing of them.
        now_s: Seconds of the clock.
    """
    wall_s = vendor.wall()
    resets = {window.short: math.ceil(wall_s + window.reset_s(now_s)) for window in windows}
    if vendor.name == "anthropic":
        refused = (_UNIFIED + "status", "rejected") in headers
        bare = [each for each in headers if not each[0].startswith("anthropic-ratelimit-")]
        return bare + _unified(
            [(each.short, each.claim, each.utilisation) for each in windows], resets, refused=refused
        )
    if vendor.name == "openai":
        bare = [each for each in headers if not each[0].startswith(("x-ratelimit-", _CODEX + "primary"))]
        return bare + _codex(windows, resets, wall_s)
    return headers


def untouched(headers: Headers, wall_s: float) -> Headers:
    """`headers` of Anthropic with the windows of a subscription that nobody limits: nothing of them is used.

    Args:
        headers: What the dialect wrote.
        wall_s: Seconds since 1970.
    """
    if any(name.startswith(_UNIFIED) for name, _ in headers):
        return headers
    bare = [each for each in headers if not each[0].startswith("anthropic-ratelimit-")]
    resets = {"5h": _boundary(wall_s, 5 * 3600), "7d": _boundary(wall_s, 7 * 86_400)}
    return bare + _unified([("5h", "five_hour", 0.0), ("7d", "seven_day", 0.0)], resets, refused=False)


def _unified(windows: Sequence[tuple[str, str, float]], resets: dict[str, int], *, refused: bool) -> Headers:
    # of those that are drained the one that opens last is what to wait for
    drained = [each for each in windows if refused and each[2] >= 1]
    _, claim, used = leading = max(drained or windows, key=lambda each: (not drained and each[2], resets[each[0]]))
    headers: Headers = [
        (_UNIFIED + "status", "rejected" if refused else _status(used)),
        (_UNIFIED + "reset", str(resets[leading[0]])),
        (_UNIFIED + "representative-claim", claim),
    ]
    for short, _, share in windows:
        headers.append((f"{_UNIFIED}{short}-status", "rejected" if refused and share >= 1 else _status(share)))
        headers.append((f"{_UNIFIED}{short}-utilization", str(round(share, 2))))
        headers.append((f"{_UNIFIED}{short}-reset", str(resets[short])))
    return headers


def _status(share: float) -> str:
    return "allowed" if share < WARNING else "allowed_warning"


def _codex(windows: Sequence[Window], resets: dict[str, int], wall_s: float) -> Headers:
    headers: Headers = []
    for name, window in zip(("primary", "secondary"), windows, strict=False):
        headers.append((f"{_CODEX}{name}-used-percent", str(min(100, int(100 * window.utilisation)))))
        headers.append((f"{_CODEX}{name}-window-minutes", str(int(window.period_s // 60))))
        headers.append((f"{_CODEX}{name}-reset-after-seconds", str(math.ceil(resets[window.short] - wall_s))))
        headers.append((f"{_CODEX}{name}-reset-at", str(resets[window.short])))
    return headers


def _boundary(wall_s: float, period_s: int) -> int:
    return (int(wall_s) // period_s + 1) * period_s
