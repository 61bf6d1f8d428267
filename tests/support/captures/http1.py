r"""HTTP/1 as Mesos takes it, without I/O: what is wrong in a message is marked, never refused.

    POST /api/v1 HTTP/1.1\r\n ... \r\n\r\n 15\r\n{"type":"GET_HEALTH"}\r\n 0\r\n\r\n

Accepted like the server does: an HTTP/0.9 line, bare line feeds, chunk extensions, trailers, a body
after the answer to HEAD. A message without a sound length is `broken` and takes all that follows.
"""

import re
import zlib
from dataclasses import dataclass, field
from typing import Literal

END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]+")
LENGTH = re.compile(rb"[0-9]+")

type Framing = Literal["none", "length", "chunked", "until-close"]


@dataclass
class Message:
    """A request or a response, growing while its bytes arrive."""

    line: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    framing: Framing = "none"
    body: bytearray = field(default_factory=bytearray)
    chunks: list[tuple[float, int]] = field(default_factory=list)  # (seconds, bytes)
    records: list[bytes] = field(default_factory=list)
    records_end: int = 0  # where in the body the last whole record ends
    interim: list[int] = field(default_factory=list)  # the 1xx answers before it
    has_head: bool = False
    complete: bool = False
    broken: str = ""
    raw: bytearray = field(default_factory=bytearray)

    @property
    def words(self) -> list[str]:
        """The first line as three words, the missing ones empty."""
        return [*self.line.split(" ", 2), "", ""][:3]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def grow(self, data: bytes) -> None:
        self.body += data
        if self.framing == "chunked":
            records, self.records_end = split_records(self.body, self.records_end)
            self.records += records


def split_records(body: bytes | bytearray, start: int = 0) -> tuple[list[bytes], int]:
    """Return the whole RecordIO records from `start` on, and where the last one ends."""
    records: list[bytes] = []
    while (newline := body.find(b"\n", start)) >= 0 and LENGTH.fullmatch(body, start, newline):
        end = newline + 1 + int(body[start:newline])
        if end > len(body):
            break
        records.append(bytes(body[newline + 1 : end]))
        start = end
    return records, start


def decompressed(message: Message) -> bytes:
    """Return the body with Content-Encoding undone, as far as it goes."""
    if message.values("content-encoding") != ["gzip"]:
        return bytes(message.body)
    try:
        return zlib.decompressobj(31).decompress(bytes(message.body))
    except zlib.error:
        return bytes(message.body)


class Parser:
    """One side of a connection; with `requests`, the parser of the other, that of the server."""

    def __init__(self, requests: "Parser | None" = None) -> None:
        self.messages: list[Message] = []
        self._requests = requests
        self._buffer = bytearray()
        self._at_seconds = 0.0
        self._left = 0
        self._state = self._read_head

    def feed(self, data: bytes, at_seconds: float) -> None:
        self._buffer += data
        self._at_seconds = at_seconds
        while self._buffer and self._state():
            pass

    def close(self) -> None:
        """The side has ended: that completes a body without a length."""
        if self.messages and self.messages[-1].framing == "until-close":
            self.messages[-1].complete = True

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self.messages[-1].raw += data
        return data

    def _read_head(self) -> bool:
        if self._takes_body_of_head():
            return True
        if not self.messages or self.messages[-1].complete:
            self.messages.append(Message())
        message = self.messages[-1]
        if reason := self._wrong_start():
            return self._break(reason)
        end = END_OF_HEAD.search(self._buffer)
        if end is None:
            return False
        lines = (
            self._take(end.end()).decode("latin-1").replace("\r\n", "\n").rstrip("\n").split("\n")
        )
        message.line = lines[0]
        fields = (line.partition(":") for line in lines[1:])
        message.headers = tuple((name.strip(), value.strip()) for name, _, value in fields)
        if self._requests is not None and re.match(r"1\d\d", message.words[1]):
            message.interim.append(int(message.words[1]))
            return True
        return self._start_body(message)

    def _wrong_start(self) -> str:
        start = bytes(self._buffer[:5])
        if self._requests is None:
            return "" if TOKEN.match(start.decode("latin-1")) else f"starts with {start!r}"
        return "" if start == b"HTTP/"[: len(start)] else f"starts with {start!r}"

    def _takes_body_of_head(self) -> bool:
        # The server sends a body with its 405 to HEAD.
        if self._requests is None or not self.messages or not self.messages[-1].complete:
            return False
        message = self.messages[-1]
        lengths = message.values("content-length")
        left = int(lengths[0]) - len(message.body) if lengths else 0
        if self._method(len(self.messages) - 1) != "HEAD" or left <= 0 or not self._wrong_start():
            return False
        message.body += self._take(left)
        return True

    def _method(self, index: int) -> str:
        sent = self._requests.messages if self._requests else []
        return sent[index].words[0] if index < len(sent) else ""

    def _start_body(self, message: Message) -> bool:
        message.has_head = True
        if reason := _wrong_line(message) if self._requests is None else "":
            return self._break(reason)
        lengths, codings = message.values("content-length"), message.values("transfer-encoding")
        if lengths and codings:
            return self._break("has both Content-Length and Transfer-Encoding")
        if self._requests is not None and self._method(len(self.messages) - 1) == "HEAD":
            return self._finish()
        if codings:
            message.framing, self._state = "chunked", self._read_chunk_size
            return True
        if lengths:
            if len(set(lengths)) > 1 or not LENGTH.fullmatch(lengths[0].encode()):
                return self._break(f"has Content-Length {', '.join(lengths)}")
            message.framing, self._state, self._left = "length", self._read_body, int(lengths[0])
            return self._left > 0 or self._finish()
        if self._requests is None or message.words[1] in ("204", "304"):
            return self._finish()
        message.framing, self._state = "until-close", self._read_rest
        return True

    def _read_body(self) -> bool:
        data = self._take(self._left)
        self._left -= len(data)
        self.messages[-1].grow(data)
        return self._left > 0 or self._finish()

    def _read_rest(self) -> bool:
        self.messages[-1].grow(self._take(len(self._buffer)))
        return True

    def _read_line(self) -> bytes | None:
        newline = self._buffer.find(b"\n")
        return None if newline < 0 else self._take(newline + 1).rstrip(b"\r\n")

    def _read_chunk_size(self) -> bool:
        line = self._read_line()
        if line is None:
            return False
        size = line.partition(b";")[0].strip()
        if not CHUNK_SIZE.fullmatch(size):
            return self._break(f"has a chunk of size {size!r}")
        self._left = int(size, 16)
        self.messages[-1].chunks.append((self._at_seconds, self._left))
        self._state = self._read_chunk if self._left else self._read_trailers
        return True

    def _read_chunk(self) -> bool:
        data = self._take(self._left)
        self._left -= len(data)
        self.messages[-1].grow(data)
        if not self._left:
            self._state = self._read_end_of_chunk
        return True

    def _read_end_of_chunk(self) -> bool:
        if self._read_line() is None:
            return False
        self._state = self._read_chunk_size
        return True

    def _read_trailers(self) -> bool:
        line = self._read_line()
        if line:
            return True
        return line is not None and self._finish()

    def _finish(self) -> bool:
        self.messages[-1].complete = True
        self._state = self._read_head
        if self.messages[-1].framing == "chunked":
            self.messages[-1].chunks.pop()  # the last one, of size 0
        return True

    def _break(self, reason: str) -> bool:
        self.messages[-1].broken = reason
        self._state = self._swallow
        return True

    def _swallow(self) -> bool:
        self._take(len(self._buffer))
        return True


def _wrong_line(message: Message) -> str:
    method, target, version = message.words
    if TOKEN.fullmatch(method) and target and version[:5] in ("", "HTTP/"):
        return ""
    return f"has the request line {message.line!r}"
