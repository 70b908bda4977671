"""The control routes under `/_sandbox/`: settings, the clock, the truth, statistics.

They are for this machine only and stand outside the token, the limit, the faults and the statistics.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cdp_sandbox import switches, truth
from cdp_sandbox.catalogue import load_catalogue
from cdp_sandbox.instants import format_millis, parse_millis
from cdp_sandbox.sandbox import SETTINGS, Sandbox

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_CHUNK_LINES = 500


class Holder(Protocol):
    """Who holds the sandbox that a reset replaces, and the world that one falls back to."""

    sandbox: Sandbox
    world: str
    seed: int


class Control:
    """The control routes of one holder."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    async def health(self, request: Request) -> Response:
        """Say that the sandbox answers, and which world it serves."""
        return JSONResponse({"ok": True, "world": self._holder.sandbox.world.name})

    async def reset(self, request: Request) -> Response:
        """Begin anew: everything that the body does not name takes its default."""
        body = await _json_object(request)
        unknown = body.keys() - {"world", "seed", "clock", *SETTINGS}
        if unknown:
            raise ValueError(f"a reset has world, seed, clock, {', '.join(SETTINGS)}, not {', '.join(sorted(unknown))}")
        seed = int(body.get("seed", self._holder.seed))
        catalogue = await asyncio.to_thread(load_catalogue, str(body.get("world", self._holder.world)), seed)
        sandbox = Sandbox(catalogue, seed, body.get("clock"))
        sandbox.change({name: body[name] for name in SETTINGS if name in body})
        self._holder.sandbox = sandbox
        return self._clock()

    async def settings(self, request: Request) -> Response:
        """Change switches, faults, latency or limits, and nothing else."""
        self._holder.sandbox.change(await _json_object(request))
        return JSONResponse({"changed": True})

    async def list_switches(self, request: Request) -> Response:
        """Describe all switches."""
        return JSONResponse(switches.described(self._holder.sandbox.switches))

    async def get_clock(self, request: Request) -> Response:
        """Show the world's clock."""
        return self._clock()

    async def put_clock(self, request: Request) -> Response:
        """Set the clock, or move it on by some seconds."""
        body = await _json_object(request)
        sandbox = self._holder.sandbox
        if body.keys() == {"now"}:
            sandbox.clock = parse_millis(body["now"])
        elif body.keys() == {"advance_seconds"}:
            sandbox.clock += round(float(body["advance_seconds"]) * 1000)
        else:
            raise ValueError("the clock is set by now (ISO 8601) or by advance_seconds")
        return self._clock()

    async def events(self, request: Request) -> Response:
        """All visible events, one line an identifier, as the account route shows them."""
        history = self._holder.sandbox.history
        return _lines(history.event_body(position) for position in truth.events(history, self._at(request)))

    async def event_ids(self, request: Request) -> Response:
        """The identifiers of all visible events."""
        history = self._holder.sandbox.history
        return JSONResponse([history.event_id(position) for position in truth.events(history, self._at(request))])

    async def profiles(self, request: Request) -> Response:
        """All existing profiles, one line each: `{"id", "traits", "meta"}` as the profile routes answer."""
        sandbox = self._holder.sandbox
        return _lines(truth.profiles(sandbox.history, self._at(request), sandbox.switches))

    async def get_stats(self, request: Request) -> Response:
        """Show the statistics."""
        return JSONResponse(self._holder.sandbox.statistics.shown())

    async def delete_stats(self, request: Request) -> Response:
        """Begin the statistics anew."""
        self._holder.sandbox.statistics.clear()
        return JSONResponse({"cleared": True})

    def _at(self, request: Request) -> int:
        at = request.query_params.get("at")
        return self._holder.sandbox.clock if at is None else parse_millis(at)

    def _clock(self) -> Response:
        sandbox = self._holder.sandbox
        world = sandbox.world
        return JSONResponse(
            {
                "now": format_millis(sandbox.clock),
                "opens_at": format_millis(world.opens_at),
                "ends_at": format_millis(world.ends_at),
                "world": world.name,
                "client_id": world.client_id,
                "account_id": world.account_id,
                "brand_id": world.brand_id,
            }
        )


def application(holder: Holder) -> ASGIApp:
    """Make the ASGI application of the control routes."""
    control = Control(holder)
    routes = [
        Route("/_sandbox/health", control.health, methods=["GET"]),
        Route("/_sandbox/reset", control.reset, methods=["PUT"]),
        Route("/_sandbox/settings", control.settings, methods=["PATCH"]),
        Route("/_sandbox/switches", control.list_switches, methods=["GET"]),
        Route("/_sandbox/clock", control.get_clock, methods=["GET"]),
        Route("/_sandbox/clock", control.put_clock, methods=["PUT"]),
        Route("/_sandbox/truth/events", control.events, methods=["GET"]),
        Route("/_sandbox/truth/event_ids", control.event_ids, methods=["GET"]),
        Route("/_sandbox/truth/profiles", control.profiles, methods=["GET"]),
        Route("/_sandbox/stats", control.get_stats, methods=["GET"]),
        Route("/_sandbox/stats", control.delete_stats, methods=["DELETE"]),
    ]
    inner = Starlette(routes=routes, exception_handlers={ValueError: _refused, TypeError: _refused})

    async def from_this_machine(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is None or client[0] not in _LOOPBACK:
            await JSONResponse({"error": "control routes answer this machine only"}, 403)(scope, receive, send)
            return
        await inner(scope, receive, send)

    return from_this_machine


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _json_object(request: Request) -> dict[str, Any]:
    body = json.loads(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise TypeError("the body is a JSON object")
    return body


def _lines(lines: Iterator[bytes]) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        chunk: list[bytes] = []
        for line in lines:
            chunk.append(line + b"\n")
            if len(chunk) == _CHUNK_LINES:
                yield b"".join(chunk)
                chunk.clear()
                await asyncio.sleep(0)
        yield b"".join(chunk)

    return StreamingResponse(chunks(), media_type="application/x-ndjson")
