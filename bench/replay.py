"""CPU of a replay for each POST of 1 KB, beside a bare asyncio + httptools server.

Each server is a process of its own and is measured by its own CPU time; a client sends one request
at a time over a kept connection. The exchanges are asked for in turn, so that a cache that is too
small for them is of no use. The bare server parses the request and answers a constant.
"""

import itertools
import socket
import statistics
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import messages
from messages import JSON, PROTOBUF
from processes import Server, bare, replay
from table import MICROSECONDS, AtMost, Pair, Row, Sample, Scope

MANY, QUICK_MANY = 10_000, 1_000
SLICES = 4
FEWER = 4
"""How many times fewer requests the bare server gets; all of them are the same to it."""

PAD = "p" * 900
ANSWER = messages.flags(300)

type Request = Callable[[int], bytes]
"""Builds the request with a number, which goes up by one from request to request."""


def call(number: int) -> bytes:
    """The call of one of the exchanges."""
    return b'{"type":"READ_FILE","read_file":{"offset":0,"path":"/%b/f%d"}}' % (
        PAD.encode(),
        number,
    )


def reordered(number: int, count: int) -> bytes:
    """The same with its keys in one of twelve orders."""
    turn, number = divmod(number, count)
    fields = (f'"path":"/{PAD}/f{number}"', '"offset":0', '"length":null')
    inner = ",".join(list(itertools.permutations(fields))[turn // 2 % 6])
    outer = '"type":"READ_FILE"', f'"read_file":{{{inner}}}'
    return f"{{{','.join(outer[:: 1 if turn % 2 else -1])}}}".encode()


def spaced(number: int, count: int) -> bytes:
    """The same with blanks that differ from those of every other number."""
    blanks = f"{number:b}".replace("0", " ").replace("1", "\t")
    return call(number % count).replace(b",", b"," + blanks.encode())


def with_new_id(number: int, count: int) -> bytes:
    """The same with a member that means nothing, and has a value that never came before."""
    return call(number % count).replace(b"{", b'{"call_id":{"value":"%032x"},' % number, 1)


class Visitor:
    """Clients of a server, each with one connection.

    Close them before the server: a server of asyncio ends when its connections have.
    """

    def __init__(self, server: Server, clients: int, first: bytes) -> None:
        self.server = server
        self.sockets = [socket.create_connection(server.address) for _ in range(clients)]
        self.sockets[0].sendall(first)
        received = b""
        while not _is_whole(received):
            received += self.sockets[0].recv(1 << 16)
        assert received.startswith(b"HTTP/1.1 200"), received
        self.answer_bytes = len(received)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.sockets:
            client.close()

    def microseconds_each(self, requests: list[bytes]) -> float:
        """CPU of the server for each of some requests."""
        before, count = self.server.cpu_seconds(), len(self.sockets)
        for at in range(0, len(requests), count):
            sent = requests[at : at + count]
            for client, request in zip(self.sockets, sent, strict=False):
                client.sendall(request)
            for client in self.sockets[: len(sent)]:
                missing = self.answer_bytes
                while missing:
                    received = len(client.recv(65536))
                    assert received, "the server closed the connection"
                    missing -= received
        return (self.server.cpu_seconds() - before) / len(requests) * 1e6


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.lower().partition(b"\r\n\r\n")
    if b"content-length: " not in head:
        return answer.endswith(b"0\r\n\r\n")
    size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    return bool(end) and len(body) == size


def beside_bare(
    recorded: list[bytes],
    request: Request,
    each_round: int,
    *,
    clients: int = 1,
    encodings: tuple[str, str] = (JSON, JSON),
) -> Generator[Sample]:
    """Yield the CPU of a request to a replay and to the bare server.

    `encodings` are those of the cassette and of the client.
    """
    numbers = itertools.count()
    in_cassette, of_client = encodings
    answered = messages.in_encoding(ANSWER, messages.RESPONSE_MESSAGE, in_cassette)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        constant = Path(folder) / "answer"
        constant.write_bytes(messages.answer(ANSWER, of_client))
        exchanges = (
            messages.exchange(number, one, answered, in_cassette)
            for number, one in enumerate(recorded, 1)
        )
        path = messages.write(Path(folder) / "cassette.yaml", exchanges)
        first = request(next(numbers))
        ours, peer = (
            opened.enter_context(Visitor(opened.enter_context(server), clients, first))
            for server in (replay(path), bare("answer", constant))
        )
        ours.microseconds_each([request(next(numbers)) for _ in range(each_round)])
        while True:
            spent: list[tuple[float, float]] = []
            for _ in range(SLICES):
                part = [request(next(numbers)) for _ in range(each_round // SLICES)]
                fewer = part[: len(part) // FEWER]
                spent.append((ours.microseconds_each(part), peer.microseconds_each(fewer)))
            yield Pair(*(statistics.mean(column) for column in zip(*spent, strict=True)))


def in_turn(
    scope: Scope,
    count: int = MANY,
    *,
    clients: int = 1,
    encodings: tuple[str, str] = (JSON, JSON),
) -> Generator[Sample]:
    """Ask for all exchanges in turn, again and again with the same bytes."""
    count = scope.size(count, min(count, QUICK_MANY))
    in_cassette, of_client = encodings
    calls = [call(number) for number in range(count)]
    recorded = [messages.in_encoding(one, messages.CALL_MESSAGE, in_cassette) for one in calls]
    sent = [
        messages.post(messages.in_encoding(one, messages.CALL_MESSAGE, of_client), of_client)
        for one in calls
    ]
    return beside_bare(
        recorded,
        lambda number: sent[number % count],
        max(count, QUICK_MANY),
        clients=clients,
        encodings=encodings,
    )


def thousand(scope: Scope) -> Generator[Sample]:
    return in_turn(scope, 1000)


def ten_thousand(scope: Scope) -> Generator[Sample]:
    return in_turn(scope)


def eight_clients(scope: Scope) -> Generator[Sample]:
    return in_turn(scope, clients=8)


def protobuf(scope: Scope) -> Generator[Sample]:
    return in_turn(scope, encodings=(PROTOBUF, PROTOBUF))


def json_as_protobuf(scope: Scope) -> Generator[Sample]:
    return in_turn(scope, encodings=(JSON, PROTOBUF))


def protobuf_as_json(scope: Scope) -> Generator[Sample]:
    return in_turn(scope, encodings=(PROTOBUF, JSON))


def never_before(scope: Scope, body: Callable[[int, int], bytes]) -> Generator[Sample]:
    count = scope.size(MANY, QUICK_MANY)
    recorded = [call(number) for number in range(count)]
    return beside_bare(recorded, lambda number: messages.post(body(number, count)), count)


def new_order(scope: Scope) -> Generator[Sample]:
    return never_before(scope, reordered)


def new_blanks(scope: Scope) -> Generator[Sample]:
    return never_before(scope, spaced)


def new_ids(scope: Scope) -> Generator[Sample]:
    return never_before(scope, with_new_id)


def new_header(scope: Scope) -> Generator[Sample]:
    count = 1000
    recorded = [call(number) for number in range(count)]
    return beside_bare(
        recorded,
        lambda number: messages.post(call(number % count), Traceparent=f"00-{number:032x}"),
        scope.size(MANY, QUICK_MANY),
    )


ROUNDS = 3


def row(name: str, measure: Callable[[Scope], Generator[Sample]], target: float) -> Row:
    return Row(name, measure, MICROSECONDS, AtMost(target), "bare server", rounds=ROUNDS)


ROWS = [
    row("1,000 in turn", thousand, 1.5),
    row("10,000 in turn", ten_thousand, 2),
    row("10,000 in turn, 8 clients", eight_clients, 2),
    row("a header that is always new", new_header, 2),
    row("new bytes: keys in another order", new_order, 3),
    row("new bytes: blanks", new_blanks, 3),
    row("new bytes: ids", new_ids, 3),
    row("10,000 in turn, protobuf", protobuf, 2.5),
    row("10,000 in turn, JSON as protobuf", json_as_protobuf, 2.5),
    row("10,000 in turn, protobuf as JSON", protobuf_as_json, 2.5),
]
