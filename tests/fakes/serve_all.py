"""Serves every vendor's fake until its input ends: a child process whose memory a test can look at.

Says the ports as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import serve


async def main(names: list[str]) -> None:
    """Serve the dialects called `names`."""
    prices = PriceTable.load()
    apps = {
        name: create_app(name, find(name), Pace(), run_seed=1, bill=lambda _: None, prices=prices) for name in names
    }
    servers = await serve({name: (app, 0) for name, app in apps.items()})
    sys.stdout.write(json.dumps(servers.ports) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await servers.stop()


logging.basicConfig(level=logging.ERROR)  # to stderr: what a fake says of its own bugs
asyncio.run(main(sys.argv[1:]))
