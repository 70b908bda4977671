"""How an answer reaches the wire, and the ways it may not."""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cdp_sandbox.answers import Answer, Headers

_TRANSPORT = "cdp_sandbox.transport"


class Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, which also hands its transport to the application, so that it can break off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, without waiting to fill packets: else an answer's body waits 40 ms for its headers' ACK.

        asyncio does so itself, but only for a socket whose protocol number is set.
        """
        wire: socket.socket = transport.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Begin a request (httptools callback)."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {"transport": self.transport}}


async def send_answer(send: Send, answer: Answer, more: Headers) -> None:
    """Send a whole answer with a Content-Length."""
    await _start(send, answer, more)
    await send({"type": "http.response.body", "body": answer.body})


async def send_cut(scope: Scope, receive: Receive, send: Send, answer: Answer, more: Headers) -> None:
    """Send half of the body under the whole one's Content-Length, then close."""
    await _start(send, answer, more)
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
    _transport(scope).close()
    await _disconnected(receive)


async def reset(scope: Scope, receive: Receive) -> None:
    """Close the connection at once without an answer; the client sees a TCP reset."""
    transport = _transport(scope)
    wire: socket.socket = transport.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _disconnected(receive)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read a request's body, and no more than one part beyond `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= limit:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _start(send: Send, answer: Answer, more: Headers) -> None:
    length = str(len(answer.body)).encode()
    headers = [(b"content-type", answer.content_type), (b"content-length", length), *answer.headers, *more]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    transport: Any = scope["extensions"][_TRANSPORT]["transport"]
    assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type
    return transport
