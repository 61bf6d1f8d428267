"""Requests of captures, as they come to a playback."""

from mesotape.proto.http.gzip_coding import ContentCodingError, gzip_decompress
from mesotape.proto.http.request import HttpRequest
from support.captures import Request


def sent(request: Request) -> HttpRequest:
    """Return a captured request with its content coding undone."""
    body, broken = request.raw_body, False
    if ("Content-Encoding", "gzip") in request.headers and body:
        try:
            body = gzip_decompress(body)
        except ContentCodingError:
            broken = True
    pairs = tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in request.headers)
    return HttpRequest(
        request.method.encode(), request.target.encode("latin-1"), pairs, body, broken
    )
