"""The load child. Locust is imported first, since importing it patches sockets, and by this process alone."""

from __future__ import annotations

import signal
import sys

from ..child import say


def main() -> int:
    """Import Locust, then be the child; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's; it stops its children
    try:
        import locust  # noqa: F401 - patches sockets before anything else is imported
    except ModuleNotFoundError as error:
        say(
            "failed",
            what=f"{error.name} is not installed",
            where="the load generator",
            next="pip install 'banstorm[lab]'",
        )
        return 1
    from .process import main as be_child

    return be_child()


if __name__ == "__main__":
    sys.exit(main())
