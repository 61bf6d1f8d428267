r"""HTTP/1.1 as `curl --raw`, netcat and tcpflow write it, as traffic.

    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n20\n{"type":"HEARTBEAT"}\r\n

The file has one direction of a connection, or requests and responses after each other. There are no
times.
"""

from collections.abc import Iterable, Iterator
from itertools import count

from ..interchange.losses import Losses
from ..recording.observations import AnyObservation
from .http_connection import HttpConnection, HttpSide
from .raw_reader import Client, RawHints
from .traffic import Traffic


def read_http(blocks: Iterable[bytes], hints: RawHints, losses: Losses) -> Traffic:
    """Read a capture of HTTP."""
    losses.add("times are not in the file: all is at once")
    server = None if hints.api is None else hints.api.server
    return Traffic(tool="a capture of HTTP", server=server, items=_observe(blocks, hints, losses))


def _observe(blocks: Iterable[bytes], hints: RawHints, losses: Losses) -> Iterator[AnyObservation]:
    connection = HttpConnection(Client(), hints, losses, count(1).__next__)
    both = HttpSide(connection, tells_places=True)
    for block in blocks:
        yield from both.feed(block)
    yield from both.close(0.0, "server")
    yield from connection.end(0.0, "stopped")
