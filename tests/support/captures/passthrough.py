"""A mitmproxy that streams and records nothing, as a process.

    python passthrough.py 5051

forwards to 127.0.0.1:5051, prints the port it listens on, and ends when its standard input does.
"""

import asyncio
import logging
import sys
import tempfile

from mitmproxy.addons.core import Core
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.http import HTTPFlow
from mitmproxy.master import Master


class Streaming:
    """Streams every body, as a recorder must."""

    def requestheaders(self, flow: HTTPFlow) -> None:
        chunked = "chunked" in flow.request.headers.get("transfer-encoding", "")
        if chunked and flow.error is None:
            flow.request.stream = True

    def responseheaders(self, flow: HTTPFlow) -> None:
        if flow.response is not None:
            flow.response.stream = True


class Passthrough(Master):
    """Announces its port as soon as it listens."""

    def __init__(self, upstream_port: int, folder: str) -> None:
        super().__init__(None)
        self.proxyserver = Proxyserver()
        self.addons.add(Core(), self.proxyserver, NextLayer(), Streaming())
        self.options.update(
            mode=[f"reverse:http://127.0.0.1:{upstream_port}@127.0.0.1:0"],
            confdir=folder,
            connection_strategy="lazy",
            http2=False,
            tcp_timeout=10**9,
        )

    async def running(self) -> None:
        await super().running()
        print(self.proxyserver.listen_addrs()[0][1], flush=True)
        asyncio.get_running_loop().add_reader(sys.stdin, self.shutdown)


async def main(upstream_port: int) -> None:
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        await Passthrough(upstream_port, folder).run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
