"""What mitmproxy itself does to the exchanges of the captures, and a running one to see it.

Beyond the table it only moves chunk boundaries: it cuts chunks that it cannot read at once.
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NamedTuple

from .capture import Exchange, facts
from .order import Key


class Change(NamedTuple):
    """What the client sees instead, and why."""

    what: str
    why: str
    arrives: bool = True  # at the origin, as a whole request
    answered: bool = True  # before the client leaves


_CLOSED = "The server closes without an answer; mitmproxy has to say something."
_HEAD = "The server breaks the rule and sends a body with its 405; mitmproxy takes none after HEAD."
_LINE = "mitmproxy refuses the request line."
_LENGTH = "mitmproxy refuses the Content-Length."

CHANGES: Mapping[str, Mapping[Key, Change]] = {
    "agent-crash": {
        (2, 0): Change("502 of mitmproxy", _CLOSED),
        (5, 0): Change("502 of mitmproxy", _CLOSED),
    },
    "agent-errors": {(2, 0): Change("empty body", _HEAD)},
    "master-errors": {
        (2, 0): Change("empty body", _HEAD),
        (7, 0): Change("empty body", _HEAD),
        (8, 0): Change("502 of mitmproxy", _CLOSED),
        (112, 0): Change("400 of mitmproxy", _LINE, arrives=False),
        (114, 0): Change("502 of mitmproxy", _CLOSED),
        (116, 0): Change("400 of mitmproxy", "It has both lengths.", arrives=False),
        (118, 0): Change(
            "server-cut",
            "A broken chunk in a request that is already on its way: mitmproxy hangs up.",
            arrives=False,
        ),
        (119, 0): Change(
            "client",
            "mitmproxy cannot do trailers (NotImplementedError) and falls silent.",
            arrives=False,
            answered=False,
        ),
        (121, 0): Change(
            "client",
            "It begins like TLS: mitmproxy waits for the rest.",
            arrives=False,
            answered=False,
        ),
        (122, 0): Change("502 of mitmproxy", _CLOSED),
        (123, 0): Change("502 of mitmproxy", _CLOSED),
        (125, 0): Change("400 of mitmproxy", _LINE, arrives=False),
        (131, 0): Change("400 of mitmproxy", _LENGTH, arrives=False),
        (132, 0): Change("400 of mitmproxy", _LENGTH, arrives=False),
    },
    "master-mixed": {
        (36, 0): Change("100 before it", "mitmproxy answers Expect: 100-continue itself."),
    },
}


def changes(name: str) -> Mapping[Key, Change]:
    """Return what mitmproxy changes in a capture."""
    return CHANGES.get(name, {})


def what_changed(before: Exchange, after: Exchange) -> str:
    """Return what differs, in the words of the table; nothing if nothing does."""
    recorded, seen = facts(before), facts(after)
    if recorded == seen:
        return ""
    if after.response is None:
        return after.end
    if ("Server", "mitmproxy") in ((name, value[:9]) for name, value in after.response.headers):
        return f"{after.response.status} of mitmproxy"
    different = {key for key in recorded | seen if recorded.get(key) != seen.get(key)}
    if different == {"body"} and not after.response.body:
        return "empty body"
    if different == {"interim"}:
        return f"{', '.join(map(str, after.response.interim))} before it"
    return f"different {', '.join(sorted(different))}"


class Proxy(NamedTuple):
    """A running mitmproxy: where it listens, and the local port it forwards to."""

    address: tuple[str, int]
    upstream_port: int


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def mitmproxy() -> Generator[Proxy]:
    """Run a mitmproxy that only streams, in a process of its own."""
    upstream_port = free_port()
    script = Path(__file__).with_name("passthrough.py")
    command = [sys.executable, script, str(upstream_port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Proxy(("127.0.0.1", int(process.stdout.readline())), upstream_port)
        process.stdin.close()
