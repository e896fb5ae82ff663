"""A headless Chromium over its debugging pipe: opens a page, runs expressions in it, and notes what it complains of."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import Any

WAIT_S = 30.0
"""Longest wait for an answer of the browser, in seconds."""
VIRTUAL_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}
"""Numbers without which Chromium does not do what a key does by itself."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


class NavigatedError(Exception):
    """The page was left while it was asked; who waits for the next one asks again."""


class Page:
    """One tab. `requests` are the addresses it asked for, `complaints` its console messages and exceptions."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._numbers = itertools.count(1)
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        self._session: str | None = None
        self._loaded: Queue[None] = Queue()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def open(self, path: Path | str) -> None:
        """Open a file, or an address, and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=path if isinstance(path, str) else path.as_uri())
        self._loaded.get(timeout=WAIT_S)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A mouse event at a point of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def key(self, name: str) -> None:
        """A key, pressed and released."""
        for kind in ("keyDown", "keyUp"):
            code = VIRTUAL_KEYS.get(name, 0)
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol and its answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._answers[number] = Queue()
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._answers[number].get(timeout=WAIT_S)
        problem = answer.get("error", {}).get("message", "")
        if any(words in problem for words in ("navigated or closed", "context was destroyed")):
            raise NavigatedError(problem)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    def _listen(self) -> None:
        buffer = b""
        while data := os.read(self._read, 1 << 16):
            *messages, buffer = (buffer + data).split(b"\0")
            for each in messages:
                self._take(json.loads(each))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]].put(message)
            return
        parameters = message.get("params", {})
        match message["method"]:
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(json.dumps(parameters)[:500])
            case "Page.loadEventFired":
                self._loaded.put(None)


@contextmanager
def browser(profile: Path, width: int = 1200, height: int = 1600) -> Iterator[Page]:
    """A new Chromium with a profile of its own; it is gone afterwards."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # Chromium speaks on descriptors 3 and 4; a shell puts them there without touching this process's own.
    command = f'exec chromium "$@" 3<&{to_read} 4>&{from_write}'
    arguments = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    process = subprocess.Popen(
        ["/bin/bash", "-c", command, "bash", *arguments],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    page = Page(to_write, from_read)
    try:
        yield page
        with suppress(Exception):
            page._session = None
            page.call("Browser.close")
    finally:
        os.close(to_write)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
