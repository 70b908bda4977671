"""The application: each API request from its arrival to its answer or its fault, and the control routes beside it."""

import asyncio
import itertools
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from cdp_sandbox import connection, control, routes
from cdp_sandbox.answers import Answer, ApiError, Headers, gateway_error, too_many, unknown_route
from cdp_sandbox.api import Request, respond, scroll_gone
from cdp_sandbox.catalogue import load_catalogue
from cdp_sandbox.faults import SCROLL_ONLY, Fault
from cdp_sandbox.instants import http_date
from cdp_sandbox.sandbox import Sandbox
from cdp_sandbox.writing import MAX_REQUEST_BYTES


class Application:
    """An ASGI application over one sandbox, which a reset replaces."""

    def __init__(self, world: str, seed: int, token: str) -> None:
        self.world = world
        self.seed = seed
        self.sandbox = Sandbox(load_catalogue(world, seed), seed)
        self._token = token.encode()
        self._numbers = itertools.count(1)
        self._control: ASGIApp = control.application(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"].startswith("/_sandbox/"):
            await self._control(scope, receive, send)
            return
        sandbox = self.sandbox
        sandbox.statistics.begin()
        route, status = "unknown", "failed"
        try:
            route, status = await self._serve(sandbox, scope, receive, send)
        finally:
            sandbox.statistics.end(route, status)

    async def _serve(self, sandbox: Sandbox, scope: Scope, receive: Receive, send: Send) -> tuple[str, str]:
        fault = sandbox.faults.draw()
        allowed = sandbox.bucket.take()
        route = routes.match(scope["method"], scope["raw_path"], sandbox.switches)
        request = Request(route, scope["query_string"], dict(scope["headers"]))
        request.read_query(sandbox)
        request.body = await connection.read_body(receive, MAX_REQUEST_BYTES)
        if not allowed:
            answer = too_many(sandbox.switches, http_date(sandbox.clock + 1000))
            await connection.send_answer(send, answer, self._headers(sandbox))
            return route.name, "429"
        if fault is not None and not _applies(fault, request, sandbox):
            fault = None
        delay = sandbox.latency.draw()
        if fault is not None and fault.kind == "slow":
            delay += sandbox.faults.slow_seconds
        if delay:
            await asyncio.sleep(delay)

        answer = self._answer(sandbox, request, fault)
        more = self._headers(sandbox)
        if fault is not None and fault.kind == "truncated" and answer.status != 200:
            fault = None
        if fault is not None:
            sandbox.statistics.fault(fault.kind)
            if fault.kind == "lost_scroll_answer_once" and request.scroll_id is not None:
                sandbox.lost_scroll_ids.add(request.scroll_id)
            if fault.kind == "reset":
                await connection.reset(scope, receive)
                return route.name, "reset"
            if fault.kind == "cut":
                await connection.send_cut(scope, receive, send, answer, more)
                return route.name, "cut"
            if fault.kind == "truncated":
                half = Answer(200, answer.body[: len(answer.body) // 2], answer.content_type)
                await connection.send_answer(send, half, more)
                return route.name, "200"
        if answer.status == 200 and route.name in routes.LISTINGS:
            sandbox.previous_pages[route.name] = answer
            if answer.scroll_id is not None and sandbox.switches.scroll_ids == "rotate_strict":
                sandbox.scrolls.delivered(answer.scroll_id)
        await connection.send_answer(send, answer, more)
        return route.name, str(answer.status)

    def _answer(self, sandbox: Sandbox, request: Request, fault: Fault | None) -> Answer:
        """The answer, after the effects that the fault lets the request have."""
        switches = sandbox.switches
        if request.route is routes.UNKNOWN:
            respond_now = partial(unknown_route, switches)
        else:
            respond_now = partial(respond, sandbox, request, self._token)
        if fault is None or fault.kind in ("slow", "cut", "truncated"):
            return respond_now()
        if fault.kind == "http_429":
            return too_many(switches, http_date(sandbox.clock + 1000))
        if fault.kind == "http_503":
            wait = b"0" if fault.coin < 0.25 else b"1"
            return gateway_error(503, ((b"retry-after", wait),) if fault.half else ())
        if fault.kind == "expire_scroll":
            scroll = sandbox.scrolls.find(request.scroll_id or "", sandbox.limits.scroll_seconds)
            if scroll is not None:
                sandbox.scrolls.drop(scroll)
            return scroll_gone(sandbox).answer(switches)
        if fault.kind == "repeat_scroll_page":
            return sandbox.previous_pages[request.route.name]
        if fault.kind in ("http_504", "lost_scroll_answer", "lost_scroll_answer_once") or fault.half:
            respond_now()
        if fault.kind == "http_500":
            return ApiError(500, "internal_server_error", "Something went wrong.").answer(switches)
        if fault.kind == "repeat_page":
            return sandbox.previous_pages[request.route.name]
        return gateway_error(502 if fault.kind == "http_502" else 504)

    def _headers(self, sandbox: Sandbox) -> Headers:
        number = next(self._numbers)
        return (
            (b"date", http_date(sandbox.clock).encode()),
            (b"x-amzn-RequestId", b"%08x-0000-4000-8000-%012x" % (number & 0xFFFFFFFF, number)),
        )


def _applies(fault: Fault, request: Request, sandbox: Sandbox) -> bool:
    if fault.kind in SCROLL_ONLY and request.scroll_id is None:
        return False
    if fault.kind == "lost_scroll_answer_once":
        return request.scroll_id not in sandbox.lost_scroll_ids
    return fault.kind not in ("repeat_page", "repeat_scroll_page") or request.route.name in sandbox.previous_pages
