"""Why a target never answered a marked call, for people: what it said, whom it asked, and what to look at next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import NotReadyError

if TYPE_CHECKING:
    from .launch import Process
    from .readiness import Readiness


def ended(process: Process) -> NotReadyError:
    """It ended before it was ready."""
    what = f"the target {process.end} before it was ready: {process.tail() or 'it said nothing'}"
    advice = "mend its configuration"
    if process.returncode == 0:
        advice = "let its command stay in the foreground until it is told to end"
    return NotReadyError(what, str(process.log), advice)


def unanswered(
    ready: Readiness,
    base_url: str,
    process: Process | None,
    attempts: Mapping[str, int],
    *,
    intercepted: bool,
) -> NotReadyError:
    """It runs, and no call came back right in time.

    Args:
        ready: What the readiness calls found.
        base_url: Where it was asked.
        process: Its process, if it is ours.
        attempts: How often it asked each provider.
        intercepted: Whether the providers are reached through the proxy alone.
    """
    what = [f"the target is {ready.detail}"]
    if ready.heard:
        what.append(_asked(attempts))
    if process is not None and (tail := process.tail()):
        what.append(f"its log ends: {tail}")
    return NotReadyError("; ".join(what), base_url, _advice(ready, process, attempts, intercepted=intercepted))


def _asked(attempts: Mapping[str, int]) -> str:
    if not any(attempts.values()):
        return "it asked none of its providers"
    return "it asked " + ", ".join(f"{name} {count} times" for name, count in attempts.items())


def _advice(ready: Readiness, process: Process | None, attempts: Mapping[str, int], *, intercepted: bool) -> str:
    if intercepted and process is None and not any(attempts.values()):
        return "no call came through the proxy: start it with the environment that was printed"
    if intercepted and process is not None and ready.heard and not any(attempts.values()):
        return f"no call came through the proxy: see by {process.log} whether it obeys HTTPS_PROXY"
    if process is None:
        return "check that it runs, where its providers point, and --model and --api-key-env"
    if not ready.heard:
        return f"read {process.log}, and see that it listens on the port that it is given"
    return f"read {process.log}, and see where its providers point, and which model it is asked for (--model)"
