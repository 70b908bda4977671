"""The server around the application: a socket, a ready line, an end."""

import json
import os
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from cdp_sandbox.app import Application
from cdp_sandbox.connection import Protocol
from cdp_sandbox.world import World

_KEEP_ALIVE_SECONDS = 75


class Server(uvicorn.Server):
    """Uvicorn's server, which says on stdout where it is once it answers."""

    def __init__(self, application: Application, ready: str, announce: Path | None) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
                backlog=2048,
            )
        )
        self._ready = ready
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        if self._announce is not None:
            partial = self._announce.with_name(self._announce.name + ".part")
            partial.write_text(self._ready + "\n")
            partial.replace(self._announce)
        print(self._ready, flush=True)

    def stop_when_stdin_closes(self) -> None:
        """End the server when whoever started it closes its stdin or dies."""

        def wait() -> None:
            while os.read(sys.stdin.fileno(), 4096):
                pass
            self.should_exit = True

        threading.Thread(target=wait, name="stdin", daemon=True).start()


def bind(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def ready_line(listening: socket.socket, world: World, token: str) -> str:
    """One line of JSON: `url`, `client_id`, `account_id`, `brand_id`, `token`."""
    host, port = listening.getsockname()[:2]
    return json.dumps(
        {
            "url": f"http://{f'[{host}]' if ':' in host else host}:{port}/track",
            "client_id": world.client_id,
            "account_id": world.account_id,
            "brand_id": world.brand_id,
            "token": token,
        }
    )
