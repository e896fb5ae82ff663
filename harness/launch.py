"""Child processes: started in a session of their own, spoken to by lines of JSON, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from . import strays
from .child import LINE_BYTES_MAX
from .errors import ChildFailedError, HarnessError
from .redact import redact

FILES_MAX: Final = 65_536
"""Most open files that are asked for, for each process."""
LOG_BYTES_MAX: Final = 10 * 1024 * 1024
"""Bytes kept of what one child prints."""
LOG_READ_BYTES: Final = 64 * 1024
"""Bytes taken of it at once; a longer line is written in parts."""
READY_S_MAX: Final = 30.0
"""Seconds a part of ours may take to become ready."""
STOP_S_MAX: Final = 3.0
"""Seconds a child has to end after it was asked to, before it is killed."""
PORT_FROM: Final = 20_000
PORT_UNTIL: Final = 32_000
"""Ports picked for a target lie below Linux's ephemeral range, so that no outgoing connection takes one meanwhile."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: Final = 1


def _die_with_parent() -> None:
    """Runs in the child before exec: the kernel ends it when the harness ends, however that happens."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def allow_files() -> int:
    """Allow this process, and all it will start, as many open files as the system lets it, at most `FILES_MAX`.

    The usual 1,024 are too few: the injector needs two for each call under way, and what it then can't accept would
    look like the router's fault. Returns how many are allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _clean(printed: bytes) -> bytes:
    return redact(printed.decode("utf-8", "replace")).encode()


def _no_start(name: str, program: str, error: OSError) -> HarnessError:
    """Why a program could not be started, for people: a missing runtime is the usual reason."""
    what, where, advice = error.strerror or type(error).__name__, program, "check the command"
    if isinstance(error, FileNotFoundError):
        if error.filename is not None and str(error.filename) != program:
            where, advice = str(error.filename), "it is started in that folder: make it, or name another"
        elif "/" not in program:
            what, where, advice = f"{program} is not installed", "the PATH", "install it, or name it with its folder"
        elif Path(program).exists():
            what, advice = "the program that its first line names is not installed", "install that, or change the line"
    elif isinstance(error, PermissionError):
        advice = "make it executable (chmod +x), or name the program that runs it"
    return HarnessError(f"{name} can't be started: {what}", where, advice)


def pick_port() -> int:
    """A loopback TCP port that is free now.

    Raises:
        HarnessError: when none of 200 tries is.
    """
    for _ in range(200):
        port = random.randrange(PORT_FROM, PORT_UNTIL)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise HarnessError("no free port found", f"127.0.0.1:{PORT_FROM}-{PORT_UNTIL}", "stop what listens there")


class Process:
    """A child process whose output goes to a bounded log file. `on_exit` is called once, from the event loop."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.exited_ns: int | None = None
        self.stopping = False
        """Whether we asked it to end: an exit is then ours."""
        self.on_exit: Callable[[Process], None] = lambda _: None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._paused = False
        self._how: tuple[Sequence[str], Mapping[str, str] | None, Path | None] | None = None
        self._mark = strays.new_mark()

    @property
    def pid(self) -> int | None:
        """The process id, None before it was started."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal, None while it runs."""
        return self._process.returncode if self._process else None

    @property
    def end(self) -> str:
        """How it ended, for people."""
        code = self.returncode
        if code is None:
            return "is running"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"

    async def start(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """Start `command`.

        Raises:
            HarnessError: when there is no such program.
        """
        self._how = (command, env, cwd)
        self.stopping = False
        self.exited_ns = None
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**(os.environ if env is None else env), strays.VARIABLE: self._mark},
                cwd=cwd,
                limit=LINE_BYTES_MAX,
                start_new_session=True,  # a Ctrl-C in the terminal is for the harness, which then stops its children
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            raise _no_start(self.name, command[0], error) from error
        self.log.parent.mkdir(parents=True, exist_ok=True)
        assert self._process.stdout  # noqa: S101 - asked for above
        assert self._process.stderr  # noqa: S101 - asked for above
        self._tasks = [
            asyncio.create_task(self._read_stdout(self._process.stdout)),
            asyncio.create_task(self._keep(self._process.stderr)),
            asyncio.create_task(self._watch()),
        ]

    async def _read_stdout(self, stream: asyncio.StreamReader) -> None:
        await self._keep(stream)

    async def _keep(self, stream: asyncio.StreamReader) -> None:
        left, rest = LOG_BYTES_MAX, b""
        with self.log.open("ab", buffering=0) as log:
            while left > 0 and (data := await stream.read(LOG_READ_BYTES)):
                lines, end, rest = (rest + data).rpartition(b"\n")
                if len(rest) > LOG_READ_BYTES:
                    lines, end, rest = lines + end + rest, b"", b""
                left -= log.write(_clean(lines + end)[:left])  # whole lines, since a key may be split between two reads
            log.write(_clean(rest)[:left])
            while await stream.read(LOG_READ_BYTES):
                pass  # beyond the bound: read, so that the child doesn't wait, and forgotten

    async def _watch(self) -> None:
        assert self._process  # noqa: S101 - watched only once started
        await self._process.wait()
        self.exited_ns = time.monotonic_ns()
        self.on_exit(self)

    def tail(self, lines: int = 3) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return " | ".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-lines:])
        return ""

    async def ended(self, seconds: float) -> int | None:
        """Its exit code once it has ended, its last words in the log; None if it runs for longer than `seconds`."""
        if self._process is None:
            return None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
            await self._gone()
        return self.returncode

    async def stop(self, seconds: float = STOP_S_MAX) -> None:
        """End it and whatever it started: SIGTERM, and SIGKILL to its whole session once `seconds` have passed."""
        if self._process is None:
            return
        if self.returncode is None:
            self.stopping = True
            self._ask_to_end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
        await self._end_rest()
        await self._process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 1.0)
        for task in self._tasks:
            task.cancel()
        # The pipes, which the loop might else not have closed when it ends; asyncio has no public way to it.
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001

    async def kill(self) -> None:
        """End it and whatever it started at once, by SIGKILL; returns when it is gone."""
        if self._process is not None and self.returncode is None:
            self.stopping = True
            await self._end_rest()
            await self._gone()

    async def terminate(self, seconds: float = STOP_S_MAX) -> None:
        """Ask it to end, and kill it once `seconds` have passed; returns when it is gone."""
        if self._process is not None and self.returncode is None:
            self.stopping = True
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
            await self._end_rest()
            await self._gone()

    async def again(self) -> None:
        """Start it again, as it was started, once it is gone; an exit from now on is its own.

        Raises:
            HarnessError: when it can't be started.
        """
        assert self._how  # noqa: S101 - started before
        command, env, cwd = self._how
        await self.start(command, env=env, cwd=cwd)

    def pause(self) -> None:
        """Stop it and whatever it started where they are, by SIGSTOP."""
        self._paused = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, by SIGCONT."""
        self._paused = False
        self._signal(signal.SIGCONT)

    async def _gone(self) -> None:
        """Wait until it has ended, was told of, and its last words are in the log."""
        await asyncio.wait(self._tasks, timeout=1.0)

    async def _end_rest(self) -> None:
        """Kill it if it still runs, and whatever it started, also what has left its session."""
        assert self._process  # noqa: S101 - started before
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(strays.end, self._mark)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)
        if self._paused:
            self._signal(signal.SIGCONT)  # it would hear of it only then


class Child(Process):
    """One of our own processes: `python -P -m <module>`, configured and commanded as `child` describes."""

    def __init__(self, name: str, module: str, log: Path) -> None:
        super().__init__(name, log)
        self.module = module
        self.on_event: Callable[[dict[str, Any]], None] = lambda _: None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def spawn(self) -> None:
        """Start the process; it imports what it needs while others still get ready, and waits for `configure`."""
        # -P: the user's working folder never shadows a module of ours.
        await self.start([sys.executable, "-P", "-m", self.module])

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one line; an ended child is no error here, its exit is told by `on_exit`."""
        assert self._process  # noqa: S101 - spawned before
        assert self._process.stdin  # noqa: S101 - asked for at the start
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
            await self._process.stdin.drain()

    async def configure(self, config: Mapping[str, Any], seconds: float = READY_S_MAX) -> dict[str, Any]:
        """Send the configuration and wait until the child is ready; gives its `ready` event.

        Raises:
            ChildFailedError: when it says that it can't, ends, or takes too long.
        """
        ready = self.expect("ready")
        await self.send(config)
        return await self.wait(ready, "become ready", seconds)

    def expect(self, event: str) -> asyncio.Future[dict[str, Any]]:
        """A future of the child's next `event`. Ask for it before sending what causes it."""
        self._waiting[event] = asyncio.get_running_loop().create_future()
        return self._waiting[event]

    async def wait(self, future: asyncio.Future[dict[str, Any]], aim: str, seconds: float) -> dict[str, Any]:
        """Wait for a future of `expect`.

        Raises:
            ChildFailedError: as `configure`.
        """
        assert self._process  # noqa: S101 - spawned before
        exited = asyncio.ensure_future(self._process.wait())
        waits: set[asyncio.Future[Any]] = {future, exited}
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
        if future.done():
            return future.result()
        if self.returncode is None:
            raise ChildFailedError(f"the {self.name} did not {aim} in {seconds:.0f} s", str(self.log), "read its log")
        if self._tasks:
            await asyncio.wait(self._tasks[:2], timeout=1.0)  # what it said last may still be in the pipe
        if future.done():
            return future.result()
        raise ChildFailedError(
            f"the {self.name} {self.end}: {self.tail() or 'it said nothing'}", str(self.log), "read its log"
        )

    async def _read_stdout(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            try:
                event: dict[str, Any] = orjson.loads(line)
                name = str(event["event"])
            except (ValueError, KeyError, TypeError):
                continue  # a stray print of some library; its own words go to the log by standard error
            if name == "failed" and (future := self._waiting.pop("ready", None)) and not future.done():
                future.set_exception(
                    ChildFailedError(
                        str(event.get("what", f"the {self.name} failed")),
                        str(event.get("where", self.log)),
                        str(event.get("next", "read its log")),
                    )
                )
            elif (future := self._waiting.pop(name, None)) and not future.done():
                future.set_result(event)
            self.on_event(event)

    async def stop(self, seconds: float = STOP_S_MAX) -> None:
        """Ask it to finish its rows and end; then as `Process.stop`."""
        if self.returncode is None and self._process is not None:
            self.stopping = True
            await self.send({"command": "stop"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
        await super().stop(1.0)
