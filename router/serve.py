"""Run the service: one process, one loop, until a signal asks it to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from .access import Access, read_callers
from .admin import Admin
from .app import App
from .build import build_providers, build_router, warm_up
from .call_log import CallLog
from .config import Config
from .credentials import read_token
from .errors import ConfigError
from .log_lines import LogLines
from .metrics import Metrics
from .observer import Observer
from .one_write import OneWrite
from .tracing_setup import start_tracing

BACKLOG = 2048
COLLECT_EVERY = 10_000
"""Objects that outlive their makers before the garbage collector looks at the young; nearly all go without it."""


class _Server(uvicorn.Server):
    """uvicorn, but a signal that asked for an orderly end is not raised again afterwards: the exit code is 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        # The second signal means it.
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket that callers can connect to from now on.

    Raises:
        ConfigError: The address can't be listened on.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        where = f"{host}:{port} (listen, or --host and --port)"
        hint = "choose another port, or end the process that has it"
        raise ConfigError(f"can't listen: {error.strerror or error}", where, hint) from None
    sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
    return sock


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls in flight (at most `limits.drain`).

    Raises:
        ConfigError: A key can't be read or the address can't be listened on.
    """
    lines = LogLines(sys.stderr.fileno())
    try:
        _serve(config, lines)
    finally:
        lines.close()


def _serve(config: Config, lines: LogLines) -> None:
    level = config.log.level.upper()
    logging.basicConfig(stream=lines, level=level, format="%(levelname)s %(name)s %(message)s")
    providers = build_providers(config)
    sock = listen(config.listen.host, config.listen.port)
    metrics = Metrics(providers)
    metrics.show_log(lambda: lines.dropped)
    observers: list[Observer] = [metrics]
    if config.log.calls:
        observers.append(CallLog(lines.line))
    tracing = start_tracing(config.tracing)
    if tracing is not None:
        observers.append(tracing.spans)
    router = build_router(config, providers, observers)
    metrics.show_budgets(router.purses)
    callers, token = read_callers(config.callers), read_token(config.admin)
    admin = None if token is None else Admin(router, config, metrics, token)
    front = Access(App(router, config, metrics), callers, admin)
    settings = uvicorn.Config(
        front if tracing is None else tracing.around(front),
        http=OneWrite,
        ws="none",
        loop="uvloop",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(config.limits.drain)),
        backlog=BACKLOG,
    )
    host, port = sock.getsockname()[:2]
    lines.line(f"banstorm router listens on http://{host}:{port}")

    # What is there now stays. Looked at again in every full collection, it would hold all callers up meanwhile.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)

    async def run() -> None:
        warm_up(providers)
        try:
            await _Server(settings).serve(sockets=[sock])
        finally:
            await router.aclose()
            if tracing is not None:
                # Sends what is left, which may take a moment; nobody is served any more.
                await asyncio.to_thread(tracing.shutdown)

    with asyncio.Runner(loop_factory=settings.get_loop_factory()) as runner:
        runner.run(run())
