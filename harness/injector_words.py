"""Sends bytes of a response from outside mitmproxy's own course: through its layers, so that TLS and HTTP/2 hold.

A layer hands the completion of a command on to whoever gave that command. So a command that nobody gave is noted under
a speaker of ours, and its completion told to the layers: the speaker then answers it with what is to be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mitmproxy.net.http.status_codes import CLIENT_CLOSED_REQUEST, NO_RESPONSE
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import (
    HttpLayer,
    ReceiveHttp,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._http2 import Http2Server

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.server import ConnectionHandler

    Words = Callable[[HttpLayer, int], Iterator[Any]]


class Say(commands.Command):  # type: ignore[misc]  # mitmproxy is untyped here: it is optional
    """The command that nobody gave."""


@dataclass(repr=False)
class Said(events.CommandCompleted):  # type: ignore[misc]  # as above
    """It is the speaker's turn."""

    command: Say
    reply: None = None


async def send(handler: ConnectionHandler, flow: HTTPFlow, data: bytes) -> None:
    """Send some of the body of `flow`'s response, whose head was sent; nothing happens if the flow is over."""
    await _say(handler, flow, lambda layer, stream_id: _data(layer, stream_id, data))


async def end(handler: ConnectionHandler, flow: HTTPFlow) -> None:
    """End the body properly. Over HTTP/1.1 the connection is closed then: mitmproxy would end the body once more."""
    await _say(handler, flow, _end)


async def break_off(handler: ConnectionHandler, flow: HTTPFlow) -> None:
    """Reset the stream of `flow`'s HTTP/2 connection; to the provider it looks as if the router had done so."""
    await _say(handler, flow, _broken)


async def _say(handler: ConnectionHandler, flow: HTTPFlow, words: Words) -> None:
    way = _way(handler.layer.context.layers, flow, set())
    if way is None:
        return
    say = Say()
    *through, (layer, stream_id) = way
    for outer, connect in through:  # a layer inside the tunnel of a CONNECT is reached through that one's stream
        outer.command_sources[say] = outer.streams[connect]
    layer.command_sources[say] = _Speaker(words(layer, stream_id))
    await handler.server_event(Said(say))


def _way(layers: Iterable[Any], flow: HTTPFlow, seen: set[int]) -> list[tuple[HttpLayer, int]] | None:
    """The HTTP layers, from the outside in, and the streams in them that lead to `flow`; None if it is over."""
    for layer in layers:
        if not isinstance(layer, HttpLayer) or id(layer) in seen:
            continue
        seen.add(id(layer))
        for stream_id, stream in layer.streams.items():
            if getattr(stream, "flow", None) is flow:
                return [(layer, stream_id)]
            if stream.child_layer is not None:
                further = _way(stream.child_layer.context.layers, flow, seen)
                if further is not None:
                    return [(layer, stream_id), *further]
    return None


class _Speaker:
    """Answers an event as a layer does: with commands."""

    def __init__(self, words: Iterator[Any]) -> None:
        self._words = words

    def handle_event(self, _: events.Event) -> Iterator[Any]:
        yield from self._words


def _data(layer: HttpLayer, stream_id: int, data: bytes) -> Iterator[Any]:
    yield SendHttp(ResponseData(stream_id, data), layer.context.client)


def _end(layer: HttpLayer, stream_id: int) -> Iterator[Any]:
    client = layer.context.client
    if isinstance(layer.connections.get(client), Http2Server):
        yield SendHttp(ResponseEndOfMessage(stream_id), client)
    else:
        yield commands.SendData(client, b"0\r\n\r\n")
        yield commands.CloseConnection(client)


def _broken(layer: HttpLayer, stream_id: int) -> Iterator[Any]:
    yield SendHttp(ResponseProtocolError(stream_id, "broken off", NO_RESPONSE), layer.context.client)
    yield ReceiveHttp(RequestProtocolError(stream_id, "broken off", CLIENT_CLOSED_REQUEST))
