"""Lengths of a body that was redacted: its Content-Length, and the sizes of its chunks."""

from ...proto.messages.wire_types import encoded_size
from ..format.documents import Body, Event, Headers


def fit_length(headers: Headers, before: Body, after: Body) -> Headers:
    """Return headers whose Content-Length, if it was that of the body, is that of the new one."""
    return {
        name: str(int(value) + _size(after) - _size(before))
        if name.lower() == "content-length" and isinstance(value, str) and value.isdigit()
        else value
        for name, value in headers.items()
    }


def _size(body: Body) -> int:
    """Return the size of a body: that of JSON is the size of its text, with all white space."""
    if body.proto is not None:
        return len(body.wire) if body.wire is not None else _message_size(body.proto)
    text = body.json or body.text
    return len(text.encode("utf-8", "surrogatepass")) if text else len(body.base64 or b"")


def _message_size(proto: str) -> int:
    text = proto.encode("utf-8", "surrogatepass")
    size = encoded_size(text)
    return len(text) if size is None else size


def fit_chunks(before: Event, after: Event) -> list[tuple[int, float]] | None:
    """Return the chunks of an event whose size has changed: the last ones grow or shrink."""
    if before.chunks is None:
        return None
    chunks = list(before.chunks)
    difference = _size(after) - _size(before)
    for index in range(len(chunks) - 1, -1, -1):
        size, at = chunks[index]
        fitted = max(1, size + difference)
        chunks[index] = fitted, at
        difference -= fitted - size
        if not difference:
            break
    return chunks
