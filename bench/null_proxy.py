"""A proxy that records nothing: the peer of a recorder.

    python bench/null_proxy.py UPSTREAM

It runs the same mitmproxy, with an addon that lets bodies pass as they come.
"""

import asyncio
import sys
from typing import Any, cast

from mitmproxy.http import HTTPFlow

from mesotape.addons.recorder import Recorder
from mesotape.addons.traffic.guard import Guard
from mesotape.proxy.commands.mitm import run_proxy


class Null:
    """No recorder; `run_proxy` needs its guard and `stop`."""

    def __init__(self) -> None:
        self.guard = Guard(print)

    def requestheaders(self, flow: HTTPFlow) -> None:
        flow.request.stream = lambda data: data

    def responseheaders(self, flow: HTTPFlow) -> None:
        assert flow.response is not None
        flow.response.stream = lambda data: data

    def stop(self) -> None:
        pass


async def ready(addresses: list[tuple[str, int]]) -> None:
    print("http://{}:{}".format(*addresses[0]), flush=True)


if __name__ == "__main__":
    settings: dict[str, Any] = {"mode": [f"reverse:{sys.argv[1]}"], "listen_host": "127.0.0.1"}
    asyncio.run(run_proxy(cast(Recorder, Null()), settings | {"listen_port": 0}, (), ready))
