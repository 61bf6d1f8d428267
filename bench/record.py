"""The cost of recording: the CPU of `mesotape record` beside a proxy whose tap does nothing.

Each proxy is a process of its own, and its whole CPU time counts, the writer process included.
Both run all the time and are visited in turns, so that starting costs nothing and a machine that
changes its speed slows both. Each pair of visits gives a ratio.
"""

import socket
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import NamedTuple

import messages
from messages import GET_FLAGS, JSON, PROTOBUF, SUBSCRIBE
from processes import BENCH, MESOTAPE, Server, mitmdump
from table import MICROSECONDS, AtMost, Pair, Row, Sample, Scope
from upstream import Upstream, answer

ROUNDS = 11
GAP_SECONDS = 0.002
UNARY_BYTES, LARGE_BYTES = 1000, 100_000


class Traffic(NamedTuple):
    """What passes in one visit: calls with an answer of some bytes, or the records of a stream."""

    media_type: str
    calls: tuple[int, int] = (0, 0)
    records: tuple[int, int] = (0, 0)
    answer_bytes: int = UNARY_BYTES
    answer_kind: str = "tasks"
    is_paced: bool = False

    def count(self, scope: Scope) -> int:
        return scope.size(*self.calls) or scope.size(*self.records)


TRAFFIC = {
    "unary JSON": Traffic(JSON, calls=(200, 50)),
    "unary protobuf": Traffic(PROTOBUF, calls=(200, 50)),
    "100 KB JSON": Traffic(JSON, (50, 10), (0, 0), LARGE_BYTES),
    "100 KB protobuf": Traffic(PROTOBUF, (50, 10), (0, 0), LARGE_BYTES),
    "100 KB JSON, 3,700 flags": Traffic(JSON, (50, 10), (0, 0), LARGE_BYTES, "flags"),
    "paced JSON": Traffic(JSON, records=(500, 100), is_paced=True),
    "paced protobuf": Traffic(PROTOBUF, records=(500, 100), is_paced=True),
    "burst JSON": Traffic(JSON, records=(10_000, 1000)),
    "burst protobuf": Traffic(PROTOBUF, records=(10_000, 1000)),
}


def visit(proxy: Server, traffic: Traffic, count: int) -> None:
    """Let traffic pass a proxy."""
    media_type = traffic.media_type
    call = SUBSCRIBE if any(traffic.records) else GET_FLAGS
    body = messages.in_encoding(call, messages.CALL_MESSAGE, media_type)
    post = messages.post(body, media_type)
    with socket.create_connection(proxy.address) as connection:
        if any(traffic.records):
            gap = GAP_SECONDS if traffic.is_paced else 0
            query = f"/api/v1?records={count}&gap={gap} "
            connection.sendall(post.replace(b"/api/v1 ", query.encode(), 1))
            _read_until(connection, 0, b"0\r\n\r\n")
            return
        answered = answer(traffic.answer_kind, traffic.answer_bytes, media_type)
        query = f"/api/v1?{traffic.answer_kind}={traffic.answer_bytes} "
        for _ in range(count):
            connection.sendall(post.replace(b"/api/v1 ", query.encode(), 1))
            _read_until(connection, len(answered), answered[-100:])


def _read_until(connection: socket.socket, least: int, end: bytes) -> None:
    tail, size = b"", 0
    while size < least or not tail.endswith(end):
        data = connection.recv(1 << 20)
        assert data, tail[-200:]
        size += len(data)
        tail = (tail + data)[-1000:]


def microseconds_each(proxy: Server, traffic: Traffic, count: int) -> float:
    """CPU of a proxy for each call or record, with what it does after the last one."""
    begun = proxy.cpu_seconds()
    visit(proxy, traffic, count)
    return (proxy.settled_cpu_seconds() - begun) / count * 1e6


def null_proxy(url: str) -> Server:
    return Server([sys.executable, BENCH / "null_proxy.py", url])


def recorder(url: str, folder: str) -> Server:
    return Server([*MESOTAPE, "record", "--overwrite", "-o", f"{folder}/bench.yaml", url])


def beside(scope: Scope, start_peer: Callable[[str, str], Server]) -> Generator[Sample]:
    upstream = Upstream()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as proxies:
        ours = proxies.enter_context(recorder(upstream.url, folder))
        theirs = proxies.enter_context(start_peer(upstream.url, folder))
        wanted = {name: each for name, each in TRAFFIC.items() if name in scope.parts}
        for proxy in (ours, theirs):
            for traffic in wanted.values():
                visit(proxy, traffic, 10)
            proxy.settled_cpu_seconds()
        while True:
            yield {
                name: Pair(*(microseconds_each(proxy, traffic, count) for proxy in (ours, theirs)))
                for name, traffic in wanted.items()
                for count in [traffic.count(scope)]
            }


def beside_null(scope: Scope) -> Generator[Sample]:
    return beside(scope, lambda url, _: null_proxy(url))


def beside_mitmdump(scope: Scope) -> Generator[Sample]:
    return beside(scope, lambda url, folder: mitmdump(url, "-w", f"{folder}/flows"))


def of_writer(scope: Scope) -> Generator[Sample]:
    """Yield the CPU of the writer process and of the proxy for each record of a burst."""
    upstream = Upstream()
    with tempfile.TemporaryDirectory() as folder, recorder(upstream.url, folder) as ours:
        wanted = {name: each for name, each in TRAFFIC.items() if name in scope.parts}
        for traffic in wanted.values():
            visit(ours, traffic, 10)
        ours.settled_cpu_seconds()
        while True:
            sample = dict[str, Pair]()
            for name, traffic in wanted.items():
                count = traffic.count(scope)
                before, before_writer = ours.cpu_seconds(), ours.children_cpu_seconds()
                visit(ours, traffic, count)
                spent = ours.settled_cpu_seconds() - before
                writer = ours.children_cpu_seconds() - before_writer
                sample[name] = Pair(writer / count * 1e6, (spent - writer) / count * 1e6)
            yield sample


def writer_row(part: str) -> Row:
    """Return the row that is met if one writer keeps up with two proxies."""
    name = f"writer, {part}"
    return Row(name, of_writer, MICROSECONDS, AtMost(0.5), "its proxy", part)


def row(name: str, target: float) -> Row:
    return Row(name, beside_null, MICROSECONDS, AtMost(target), "null proxy", name, ROUNDS)


ROWS = [
    row("unary JSON", 1.10),
    row("unary protobuf", 1.10),
    row("100 KB JSON", 1.25),
    row("100 KB protobuf", 1.5),
    row("100 KB JSON, 3,700 flags", 1.25),
    row("paced JSON", 1.10),
    row("paced protobuf", 1.15),
    row("burst JSON", 1.15),
    row("burst protobuf", 1.25),
    writer_row("burst JSON"),
    writer_row("burst protobuf"),
    Row(
        "100 KB JSON, beside mitmdump -w",
        beside_mitmdump,
        MICROSECONDS,
        AtMost(1),
        "mitmdump -w",
        "100 KB JSON",
    ),
]
