"""A sandbox in this process, whose world has as many events at as many instants as a test asks for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from cdp_sandbox.app import Application
from cdp_sandbox.catalogue import Catalogue
from cdp_sandbox.process import Running
from cdp_sandbox.sandbox import Sandbox
from cdp_sandbox.server import Server, bind, ready_line
from cdp_sandbox.worlds.flat import Flat

_TOKEN = "sandbox-token"  # noqa: S105 - it guards nothing


class Crowded(Flat):
    """The flat world's events at other times, all of one action where `action` names one by its index."""

    def __init__(self, times: list[int], *, action: int | None = None) -> None:
        super().__init__(1, len(times))
        self.event_time = np.sort(np.array(times, dtype=np.int64))
        self.received_time = self.event_time + 1_000
        if action is not None:
            self.action[:] = action
        self.opens_at = self.ends_at = int(self.event_time[-1]) // 1_000 * 1_000 + 60_000  # as in a `Date` header

    def ids_at(self, start: int, end: int) -> set[str]:
        """The identifiers of the events of `[start, end)`."""
        low, high = np.searchsorted(self.event_time, [start, end])
        return {self.event_id(place) for place in range(int(low), int(high))}


@contextmanager
def serving_world(world: Crowded) -> Iterator[Running]:
    """Serve a world, without a limit of requests a second, while the context lasts."""
    application = Application("flat:50", 1, _TOKEN)
    application.sandbox = Sandbox(Catalogue(world), 1)
    application.sandbox.change({"limits": {"rate": None}})
    listening = bind("127.0.0.1", 0)
    server = Server(application, ready_line(listening, world, _TOKEN), None)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/track"
    try:
        yield Running(url, world.client_id, world.account_id, world.brand_id, _TOKEN)
    finally:
        server.should_exit = True
        thread.join()
