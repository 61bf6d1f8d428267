"""The input of `mesotape inspect`: its kind, detected from its first bytes, and its rows."""

import io
import math
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from msgspec import Struct

from ...cassettes.files.object_path import to_path
from ...cassettes.format.documents import CassetteError
from ...cassettes.inspection import cassette_rows, flow_rows
from ...cassettes.inspection.capture_detection import has_http_framing
from ...cassettes.inspection.capture_rows import CaptureRows
from ...cassettes.inspection.file_kinds import PACKET_CAPTURES, is_flow_file
from ...cassettes.inspection.rows import Row
from ...cassettes.inspection.stream_rows import StreamOrigin, StreamRows
from ...cassettes.storage.opening import is_utf16, missing_file_text
from ...cassettes.storage.reader import Cassette
from ...proto.api.apis import ServerKind
from ...proto.api.negotiation import Encoding
from ...proto.diagnosis.examiner import MAX_EXAMINED_RECORD_BYTES
from ...proto.diagnosis.valid_runs import RunDetail
from ..commands.console import EXIT_NOTHING, CommandError

BLOCK = 1 << 18
"""Bytes read at once."""

MAX_SEARCHED_BYTES = 1 << 28
"""Bytes that are read although there is no record in them: two of the largest."""

_MAX_HEAD_BYTES = 1 << 20

_HEAD = 4096
_SHOWN_BYTES = 20

_NO_LENGTH = {"not-digits", "sign", "blank", "hex", "overflow", "empty-length"}
"""Reasons for which the first bytes of a source are not a damaged record."""


class SourceHints(Struct, frozen=True, kw_only=True):
    """Options that describe a source. `message_name` is a full name; None: not given.

    With `runs`, a row of a raw stream may be of many records, counted or listed.
    """

    server: ServerKind | None = None
    message_name: str | None = None
    encoding: Encoding | None = None
    max_record_bytes: int = MAX_EXAMINED_RECORD_BYTES
    runs: RunDetail | None = None


def rows(
    source: str, reading: SourceHints, on_progress: Callable[[Path, int], None]
) -> Iterator[Row]:
    """Read a file, or stdin if it is `-`. `on_progress` gets how many percent of it are read.

    Raises CommandError if it cannot be read, or if there is nothing in it to inspect.
    """
    if source == "-":
        yield from _raw("stdin", sys.stdin.buffer, reading)
        return
    path = to_path(source)
    if path.is_dir():
        text = f"{source}: is a folder, expected a file: name the files in it"
        raise CommandError(text, EXIT_NOTHING)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            size = file.seek(0, io.SEEK_END) or 1
            file.seek(0)

            def advance(offset: int) -> None:
                on_progress(path, offset * 100 // size)

            if has_http_framing(head, is_whole=False):
                yield from _raw(source, file, reading, advance)
            elif is_cassette(path, head):
                yield from _cassette(path, on_progress)
            elif is_flow_file(head):
                yield from _flows(source, file, reading.server or "master", advance)
            else:
                yield from _raw(source, file, reading, advance)
    except FileNotFoundError as error:
        raise CommandError(f"{source}: {missing_file_text(path)}") from error
    except OSError as error:
        raise CommandError(f"{source}: cannot be read: {error.strerror or error}") from error
    except CassetteError as error:
        raise CommandError(str(error)) from error


def is_cassette(path: Path, head: bytes) -> bool:
    """Return whether a file is a cassette: by its first key, or by its name if it is compressed."""
    if head.startswith(b"\x1f\x8b"):
        return path.name.endswith((".yaml.gz", ".yml.gz"))
    if is_utf16(head) and path.suffix in (".yaml", ".yml"):
        return True
    return b"mesotape:" in head and not head[:1].isdigit()


def _cassette(path: Path, on_progress: Callable[[Path, int], None]) -> Iterator[Row]:
    with Cassette.open(path, lenient=True, may_grow=True) as cassette:
        share = 100 / max(1, cassette.length_bytes)
        yield from cassette_rows.read_cassette_rows(
            cassette, lambda offset: on_progress(path, int(offset * share))
        )


def _flows(
    source: str, file: BinaryIO, server: ServerKind, on_progress: Callable[[int], None]
) -> Iterator[Row]:
    try:  # It takes a second to import.
        from ...addons.flow_files.flow_reader import FlowFileError, read_flow_exchanges
    except ImportError as error:
        text = f"a flow file needs mitmproxy: pip install 'mesotape[record]' ({error})"
        raise CommandError(f"{source}: {text}") from error
    try:
        for row in flow_rows.read_flow_rows(read_flow_exchanges(file), server):
            yield row
            on_progress(file.tell())
    except FlowFileError as error:
        raise CommandError(f"{source}: not a flow file of mitmproxy: {error}") from error


def _raw(
    source: str,
    file: IO[bytes],
    reading: SourceHints,
    on_progress: Callable[[int], None] = lambda offset: None,
) -> Iterator[Row]:
    """Read a stream, or a capture of HTTP with a stream inside."""
    data = block = _block(file)
    if not data:
        raise CommandError(f"{source}: is empty", EXIT_NOTHING)
    while (
        is_capture := has_http_framing(data, is_whole=not block or len(data) > _MAX_HEAD_BYTES)
    ) is None:
        block = _block(file)
        data += block
    hints = reading.message_name, reading.encoding
    limit = reading.max_record_bytes
    if is_capture:
        yield from _read(CaptureRows(*hints, max_record_bytes=limit), data, file, on_progress)
        return
    start = data[:_SHOWN_BYTES]
    if file is sys.stdin.buffer and is_cassette(Path(source), data[:_HEAD]):
        text = "is a cassette, which is read at many places: name its file instead"
        raise CommandError(f"{source}: {text}", EXIT_NOTHING)
    if start.startswith(PACKET_CAPTURES):  # There may be whole records in its packets.
        raise CommandError(_unknown_kind(source, start), EXIT_NOTHING)
    stream = StreamRows(StreamOrigin(), *hints, max_record_bytes=limit, runs=reading.runs)
    found = _read(stream, data, file, on_progress, MAX_SEARCHED_BYTES)
    yield from _recognised(found, source, start)


def _read(
    into: StreamRows | CaptureRows,
    data: bytes,
    file: IO[bytes],
    on_progress: Callable[[int], None],
    max_searched_bytes: float = math.inf,
) -> Iterator[Row]:
    """Yield the rows of a file, which may be endless unless there is no row in its beginning."""
    read_bytes, has_rows = 0, False
    while data:
        rows = list(into.feed(data))
        has_rows = has_rows or bool(rows)
        yield from rows
        read_bytes += len(data)
        on_progress(read_bytes)
        if not has_rows and read_bytes > max_searched_bytes:
            break
        data = _block(file)
    yield from into.close()


def _recognised(found: Iterator[Row], source: str, start: bytes) -> Iterator[Row]:
    """Yield the rows of a stream. Raises CommandError if there is no trace of a record in them."""
    held: list[Row] = []
    for row in found:
        held.append(row)
        reasons = {one.reason for one in row.diagnostics}
        if row.row_type != "skipped" or row.type is not None or not reasons <= _NO_LENGTH:
            break
    else:
        raise CommandError(_unknown_kind(source, start), EXIT_NOTHING)
    yield from held
    yield from found


def _unknown_kind(source: str, start: bytes) -> str:
    if start.startswith(PACKET_CAPTURES):
        text = "is a packet capture, expected the bytes of one direction"
        command = shlex.join(["mesotape", "import", source, "-o", "cassette.yaml"])
        return f"{source}: {text}: {command} makes a cassette of it"
    if source.endswith((".yaml", ".yml")):
        text = "is no cassette: expected a first document with the key mesotape"
        command = shlex.join(["mesotape", "validate", source])
        return f"{source}: {text}; {command} lists all problems"
    kinds = "a cassette, a stream of records, a capture of HTTP or a flow file of mitmproxy"
    return f"{source}: expected {kinds}, found {start!r}…"


def _block(file: IO[bytes]) -> bytes:
    """Read what is there, up to a block: from a pipe that may be little."""
    return file.read1(BLOCK) if isinstance(file, io.BufferedReader) else file.read(BLOCK)
