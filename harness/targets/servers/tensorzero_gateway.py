"""Starts the HTTP gateway inside TensorZero's wheel, writes down where it listens, and waits to be ended.

The wheel offers it under a private name only, on a port of its own choice and without a health route.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tensorzero.tensorzero import _start_http_gateway


def main() -> None:
    """Serve the configuration file that is named on the command line until SIGTERM."""
    gateway = _start_http_gateway(
        config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
    )
    path = Path(os.environ["BANSTORM_ADDRESS_FILE"])
    half = path.with_suffix(".half")
    half.write_text(gateway.base_url, "utf-8")
    half.replace(path)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
