"""The reader for a browser: `banstorm run --web` shows the timeline while the run goes on, and ends as the report.

The page is served from a thread of the harness, which is not between the callers and the providers. What happens is
put into one document (`web_state`), and at most `UPDATES_PER_S` times a second what changed is sent to every page.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from ..reports.live_page import page
from .errors import HarnessError
from .web_app import WebApp
from .web_feed import PAGES_MAX, Feed
from .web_state import LiveState
from .web_together import told

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ..reports.repeat import RepeatOut
    from . import events
    from .plan import Plan

LOOPBACK: Final = "127.0.0.1"
UPDATES_PER_S: Final = 4
"""Most updates a second that are sent to a page."""
LEAVE_S: Final = 5.0
"""Seconds after the last run that the pages have to fetch its report."""
QUIET_S: Final = 0.3
"""Seconds without a request after which nobody is expected to ask for more."""
STOP_S: Final = 3.0
"""Seconds more for the server to end."""
START_S: Final = 10.0
"""Seconds for the thread to begin to serve."""
CONNECTIONS_MAX: Final = 2 * PAGES_MAX + 8
"""Connections at the same time; further ones are refused with a 503."""


class Web:
    """Serves the live page: an `Audience`. Use as a context manager; `reader` gives a listener for each run.

    Raises:
        HarnessError: when no port can be had.
    """

    def __init__(self) -> None:
        token = secrets.token_urlsafe(16)
        try:
            self._socket = socket.create_server((LOOPBACK, 0), backlog=64)
        except OSError as error:
            raise HarnessError(f"the live page can't be served: {error.strerror}", "--web", "leave it out") from error
        port = self._socket.getsockname()[1]
        self.url = f"http://{LOOPBACK}:{port}/{token}/"
        self._lock = threading.Lock()
        self._state = LiveState()
        self._feed = Feed(self._whole)
        hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})
        self._app = WebApp(page(), self._feed, self._report, hosts=hosts, token=token)
        config = uvicorn.Config(
            self._app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._over = threading.Event()
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="live page", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._serving.wait(START_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell the pages that it is over, let them fetch the report, and end."""
        with self._lock:
            self._state.end(error.what if isinstance(error, HarnessError) else None)
        self._over.set()
        with contextlib.suppress(KeyboardInterrupt):  # the run is over; who doesn't want to wait for the pages need not
            self._thread.join(LEAVE_S + STOP_S)

    def reader(self, plan: Plan) -> events.Listener:
        """A listener for the events of a run that is about to begin."""
        with self._lock:
            self._state.begin(plan)

        def take(event: events.Event) -> None:
            with self._lock:
                self._state.take(event)

        return take

    def expect(self, runs: int) -> None:
        """So many runs will be played, one after the other."""
        with self._lock:
            self._state.expect(runs)

    def failed(self, reason: str) -> None:
        """The run that began last could not be played; another may follow."""
        with self._lock:
            self._state.fail(reason)

    def together(self, result: RepeatOut, folder: Path) -> None:
        """What the runs of a repeat say together; the pages end with it."""
        with self._lock:
            self._state.together(told(result, folder))

    def _whole(self) -> bytes:
        with self._lock:
            return self._state.whole()

    def _report(self, number: int) -> Path | None:
        with self._lock:
            return self._state.report(number)

    def _serve(self) -> None:
        asyncio.run(self._serve_on_loop())

    async def _serve_on_loop(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        self._serving.set()  # connections wait in the socket until they are accepted
        while not self._over.is_set():
            await asyncio.sleep(1 / UPDATES_PER_S)
            self._send_changes()
        self._send_changes()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._left_alone(), LEAVE_S)
        self._server.should_exit = True
        await serving

    async def _left_alone(self) -> None:
        """Wait until no page asks for anything any more: the report's icon is asked for after the report."""
        answered = 0
        while self._app.answered != answered:
            answered = self._app.answered
            await self._app.idle.wait()
            await asyncio.sleep(QUIET_S)

    def _send_changes(self) -> None:
        with self._lock:
            changes = self._state.changes()
        if changes is not None:
            self._feed.publish(*changes)
