"""Reads a mitmproxy flow file (``mitmdump -w FILE``), one flow at a time. Needs mitmproxy, of the extra `lab`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..errors import HarnessError
from .events import Event, Log, Names, in_order
from .exchange import REQUEST_BYTES_MAX, Exchange, event, parts_of
from .har import note_skipped

BYTES_MAX: Final = 2 * 1024**3
"""Largest flow file, in bytes."""
INFLATED_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes that a compressed body may become."""
WHAT: Final = "a mitmproxy flow file"


def read(path: Path) -> Log:
    """The calls of the flow file at `path`.

    Raises:
        HarnessError: when mitmproxy isn't installed, or the file is too large, no flow file, or has no usable call.
    """
    with path.open("rb") as file:
        if file.read(4).lstrip(b"\xef\xbb\xbf")[:1] in {b"{", b"["}:  # mitmproxy's reader would load a HAR whole
            raise _none(path)
    if path.stat().st_size > BYTES_MAX:
        advice = "write a part of it: mitmdump -nr FILE -w PART '~d api.openai.com'"
        raise HarnessError(f"the flow file is larger than {BYTES_MAX >> 30} GiB", str(path), advice)
    notes: list[str] = []
    return in_order(_events(path, notes), WHAT, str(path), notes)


def _none(path: Path) -> HarnessError:
    advice = "write it with mitmdump -w, or name its format with --format har, csv or json"
    return HarnessError("this is no mitmproxy flow file", str(path), advice)


def _events(path: Path, notes: list[str]) -> Iterator[Event]:
    try:
        from mitmproxy import http
        from mitmproxy.exceptions import FlowReadException
        from mitmproxy.io import FlowReader
    except ImportError as error:
        advice = "install banstorm[lab], or export it as a HAR: mitmdump -nr FILE --set hardump=out.har"
        raise HarnessError("mitmproxy isn't installed, and only it reads its flow files", str(path), advice) from error
    names = Names()
    broken = others = read_ = 0
    with path.open("rb") as file:
        flows = iter(FlowReader(file).stream())
        while True:
            try:
                flow = next(flows)
            except StopIteration:
                break
            except (FlowReadException, LookupError, TypeError, AttributeError, ValueError, MemoryError):
                # its reader turns only some of what a broken file raises into its own exception
                if read_ == 0:
                    raise _none(path) from None
                notes.append(f"the file is broken or cut off behind flow {read_:,}; what comes before it was used")
                break
            read_ += 1
            found = event(_exchange(flow), names) if isinstance(flow, http.HTTPFlow) else None
            if isinstance(flow, http.HTTPFlow) and flow.request.timestamp_start is None:
                broken += 1
            elif found is None:
                others += 1
            else:
                yield found
    note_skipped(notes, broken, others)


def _exchange(flow: Any) -> Exchange:
    """A `mitmproxy.http.HTTPFlow`. Its times are wall clock seconds, each None if it never came."""
    request, response = flow.request, flow.response
    began = request.timestamp_start
    head, tail = parts_of(b"" if response is None else _plain(response))
    return Exchange(
        at_s=float("nan") if began is None else began,
        url=_url(request),
        status=None if response is None else response.status_code,
        method=request.method.upper(),
        request_body=_plain(request),
        response_body=head,
        response_tail=tail,
        content_type="" if response is None else response.headers.get("content-type", ""),
        retry_after=None if response is None else response.headers.get("retry-after"),
        first_s=None if response is None else _since(began, response.timestamp_start),
        latency_s=_since(began, _ended(flow)),
        why="" if flow.error is None else flow.error.msg or "error",
    )


def _url(request: Any) -> str:
    """Where a request was meant to go: a reverse proxy's own address tells less than the Host header."""
    return f"{request.scheme}://{request.pretty_host}:{request.port}{request.path}"


def _ended(flow: Any) -> float | None:
    if flow.error is not None:
        return float(flow.error.timestamp)
    return None if flow.response is None else flow.response.timestamp_end


def _since(began: float | None, then: float | None) -> float | None:
    return None if began is None or then is None else then - began


def _plain(message: Any) -> bytes:
    """A message's body, decompressed as far as it is needed: a bomb ends at `INFLATED_BYTES_MAX`."""
    raw: bytes = message.raw_content or b""
    if message.headers.get("content-encoding", "").strip().lower() not in {"gzip", "deflate", "x-gzip"}:
        return raw[:REQUEST_BYTES_MAX] if len(raw) <= REQUEST_BYTES_MAX else raw[-REQUEST_BYTES_MAX:]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, INFLATED_BYTES_MAX)
    except zlib.error:
        return b""
