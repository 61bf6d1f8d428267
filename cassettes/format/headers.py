"""Header fields as documents hold them, and the content coding that they declare.

    Accept: a            {"Accept": "a", "Cookie": ["x", "y"]}
    Cookie: x      <->
    Cookie: y

Names keep their spelling and order. A name that was repeated has a list of values.
"""

from collections.abc import Iterable

from ...proto.http.gzip_coding import MAX_DECOMPRESSED_BYTES, gzip_decompress
from ...proto.http.headers import header_value
from .documents import Headers


def group_headers(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Return header fields as documents hold them; a repeated name stays at its first place."""
    headers: Headers = {}
    for name, value in pairs:
        match headers.get(name):
            case None:
                headers[name] = value
            case str(before):
                headers[name] = [before, value]
            case values:
                values.append(value)
    return headers


def decompress_body(
    data: bytes, headers: Headers, max_bytes: int = MAX_DECOMPRESSED_BYTES
) -> bytes:
    """Return a body with its Content-Encoding undone if that is gzip, or else the same object.

    Raises ContentCodingError if it is not the gzip that the header declares, or TooLargeError if it
    is longer than `max_bytes`.
    """
    if data and header_value(headers, "content-encoding") == "gzip":
        return gzip_decompress(data, max_bytes)
    return data
