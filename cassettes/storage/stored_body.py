"""Long bodies of responses that stand in the cassette as they are sent: they stay in the file.

    json: |-
      {"type":"GET_STATE","get_state":{"get_tasks":…      one line of 100 MB
    ...

A body of more than 256 KiB is written on one line, so its bytes can go to the client in blocks.
Whether somebody has edited it is seen by the recorded Content-Length; then it is read as any other
body, which removes white space and finds errors. Without a length that says something about the
line (the response was chunked or compressed), the line is sent as it stands.
"""

import re
from collections.abc import Iterator

from ...proto.http.headers import last_header_values
from ..format import fast_reader
from ..format.documents import Exchange, Response
from ..format.json_spacing import MAX_INDENTED_BYTES
from .opened_file import OpenedFile

BLOCK_BYTES = 256 * 1024

_HEAD_BYTES = 64 * 1024
"""How much of an exchange is read to find where the body of its response begins."""

_DOCUMENT_END = b"\n...\n"
_LINE = re.compile(rb"\n(  spacing: [^\n]*\n)?  (json|text): \|-\n\Z")
_INDENT = b"    "


class StoredBody:
    """The bytes of a body, `size` of them at an offset of an open cassette."""

    def __init__(self, file: OpenedFile, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.blocks())

    def blocks(self, limit: int | None = None) -> Iterator[bytes]:
        """Read the body, or its first `limit` bytes, in blocks.

        Raises CassetteError if the file cannot be read, or has changed.
        """
        place = self._start
        end = place + (self._size if limit is None else min(limit, self._size))
        while place < end:
            block = self._file.read(place, min(BLOCK_BYTES, end - place))
            if not block:
                raise self._file.changed_error("it is shorter now")
            yield block
            place += len(block)


def find_stored_body(file: OpenedFile, start: int, end: int) -> tuple[Exchange, StoredBody] | None:
    """Return the exchange at an offset without the body of its response, and that body.

    None if the body is not a long line in the layout of the writer. Raises CassetteError.
    """
    if end - start <= MAX_INDENTED_BYTES:
        return None
    data = file.read(start, _HEAD_BYTES)
    line_start = data.rfind(b"\n") + 1
    key, line = _LINE.search(data, 0, line_start), data[line_start:]
    # A literal block whose first line is blank, or more indented, has another head.
    if key is None or key[1] or not line.startswith(_INDENT) or line[4:5] in b" \t":
        return None
    if file.read(end - len(_DOCUMENT_END), len(_DOCUMENT_END)) != _DOCUMENT_END:
        return None
    exchange = fast_reader.parse_exchange_head(data, ends_in_body=True)
    body_start = start + line_start + len(_INDENT)
    body = StoredBody(file, body_start, end - len(_DOCUMENT_END) - body_start)
    if exchange is None or not _is_as_recorded(exchange.response, body, key[2] == b"json"):
        return None
    return exchange, body


def _is_as_recorded(response: Response, body: StoredBody, is_json: bool) -> bool:
    """Return whether the rest of the document is one line, and nothing says that it was edited."""
    headers = last_header_values(response.headers)
    length, is_coded = headers.get("content-length"), "content-encoding" in headers
    if length == str(len(body)) and not is_coded:
        return True
    if is_json and (response.cause is not None or (length is not None and not is_coded)):
        return False
    return not any(b"\n" in block for block in body.blocks())
