"""The input of `mesotape inspect`: its kind, detected from its first bytes, and its rows."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.inspection import cassette_rows, flow_rows
from ...cassettes.inspection.capture_detection import has_http_framing
from ...cassettes.inspection.capture_rows import CaptureRows
from ...cassettes.inspection.rows import Row
from ...cassettes.inspection.stream_rows import StreamOrigin, StreamRows
from ...cassettes.storage.reader import Cassette
from ...cassettes.validation.judge import find_problems
from ...proto.api.apis import ServerKind
from ...proto.api.negotiation import Encoding
from ...proto.diagnosis.examiner import MAX_EXAMINED_RECORD_BYTES
from ..commands.console import CommandError

BLOCK = 1 << 18
"""Bytes read at once."""

_HEAD = 4096


class SourceHints(Struct, frozen=True, kw_only=True):
    """Options that describe a source. `message_name` is a full name; None: not given."""

    server: ServerKind | None = None
    message_name: str | None = None
    encoding: Encoding | None = None
    max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES


def rows(source: str, reading: SourceHints) -> Iterator[Row]:
    """Read a file, or stdin if it is `-`. Raises CommandError if it cannot be read."""
    if source == "-":
        yield from _raw(sys.stdin.buffer, reading)
        return
    path = Path(source)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(0)
            if has_http_framing(head, is_whole=False):
                yield from _raw(file, reading)
            elif is_cassette(path, head):
                yield from _cassette(path)
            elif is_flow_file(head):
                yield from _flows(source, file, reading.server or "master")
            else:
                yield from _raw(file, reading)
    except OSError as error:
        raise CommandError(f"{source}: cannot be read: {error.strerror or error}") from error
    except CassetteError as error:
        raise CommandError(str(error)) from error


def is_cassette(path: Path, head: bytes) -> bool:
    """Return whether a file is a cassette: by its first key, or by its name if it is compressed."""
    if head.startswith(b"\x1f\x8b"):
        return path.name.endswith((".yaml.gz", ".yml.gz"))
    return b"mesotape:" in head and not head[:1].isdigit()


def is_flow_file(head: bytes) -> bool:
    """Return whether a file begins like a flow file: a mapping that begins with a short text."""
    length, colon, rest = head[:64].partition(b":")
    inner, second, key = rest.partition(b":")
    return bool(colon and second and length.isdigit() and inner.isdigit() and key[:1].isalpha())


def _cassette(path: Path) -> Iterator[Row]:
    with Cassette.open(path, lenient=True) as cassette:
        yield from cassette_rows.read_cassette_rows(cassette)
        yield from cassette_rows.read_finding_rows(cassette.path, find_problems(cassette))


def _flows(source: str, file: BinaryIO, server: ServerKind) -> Iterator[Row]:
    try:  # It takes a second to import.
        from ...addons.flow_reader import FlowFileError, read_flow_exchanges
    except ImportError as error:
        text = f"a flow file needs mitmproxy: pip install 'mesotape[record]' ({error})"
        raise CommandError(f"{source}: {text}") from error
    try:
        yield from flow_rows.read_flow_rows(read_flow_exchanges(file), server)
    except FlowFileError as error:
        raise CommandError(f"{source}: not a flow file of mitmproxy: {error}") from error


def _raw(file: IO[bytes], reading: SourceHints) -> Iterator[Row]:
    """Read a stream, or a capture of HTTP with a stream inside."""
    data = block = _block(file)
    while (is_capture := has_http_framing(data, is_whole=not block)) is None:
        block = _block(file)
        data += block
    found = (
        CaptureRows(
            reading.message_name, reading.encoding, max_record_bytes=reading.max_record_bytes
        )
        if is_capture
        else StreamRows(
            StreamOrigin(),
            reading.message_name,
            reading.encoding,
            max_record_bytes=reading.max_record_bytes,
        )
    )
    while data:
        yield from found.feed(data)
        data = _block(file)
    yield from found.close()


def _block(file: IO[bytes]) -> bytes:
    """Read what is there, up to a block: from a pipe that may be little."""
    return file.read1(BLOCK) if isinstance(file, io.BufferedReader) else file.read(BLOCK)
