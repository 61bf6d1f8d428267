"""Runs of valid records: all that the examiner finds in a stream without damage.

The examiner decides step by step, and may wait for bytes after each. For complete records that are
messages there is nothing to decide; to read these at once takes half the time of the steps.
"""

from .content import PayloadContent
from .findings import ValidRecord
from .length_errors import MAX_LENGTH_LINE_BYTES
from .stream_type import StreamType
from .window import MAX_RESYNC_RECORD_BYTES, Window

_ZERO = ord("0")


def read_valid_run(
    window: Window,
    offset: int,
    number: int,
    stream_type: StreamType,
    max_bytes: int,
    *,
    is_followed: bool,
) -> list[ValidRecord]:
    """Return the valid records in the window from an offset on.

    The first has that number, and none more than `max_bytes` bytes. The run ends before the first
    record that needs a closer look: one that is incomplete or no message, or whose length has
    leading zeros. With `is_followed`, each is followed by another one in the window.
    """
    records: list[ValidRecord] = []
    data, shift, examine = window.data, window.start, stream_type.examine
    position, size = offset - shift, len(data)
    if is_followed:
        max_bytes = min(max_bytes, MAX_RESYNC_RECORD_BYTES)
    while True:
        newline = data.find(b"\n", position, position + MAX_LENGTH_LINE_BYTES)
        line = data[position:newline]
        if newline < 0 or not line.isdigit() or line[0] == _ZERO:
            break
        start = newline + 1
        stop = start + int(line)
        if stop > size or stop - start > max_bytes:
            break
        payload = data[start:stop]
        content = examine(payload)
        if content.value is None or content.type is None or not content.is_valid:
            break
        records.append(valid_record(number, position + shift, start - position, payload, content))
        number += 1
        position = stop
    return records[:-1] if is_followed else records


def valid_record(
    number: int, offset: int, framing: int, payload: bytes, content: PayloadContent
) -> ValidRecord:
    """Return a record with the diagnostics of its content; `framing` is its length's, in bytes."""
    diagnostics = content.diagnostics
    if diagnostics:
        diagnostics = tuple(one.shifted(offset + framing) for one in diagnostics)
    return ValidRecord(number, offset, framing + len(payload), payload, content, diagnostics)
