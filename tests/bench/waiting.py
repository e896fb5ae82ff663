"""What benches wait for."""

from __future__ import annotations

import asyncio


async def listening(port: int) -> None:
    """Wait until something listens at `port`, at most 30 s."""
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise TimeoutError(f"nothing listens at port {port}")
