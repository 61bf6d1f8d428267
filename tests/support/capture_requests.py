"""Requests of captures, as they come to a playback."""

from mesotape.proto.http.gzip_coding import CodingError, inflate
from mesotape.proto.http.request import Received
from support.captures import Request


def sent(request: Request) -> Received:
    """Give a captured request with its content coding undone."""
    body, broken = request.raw_body, False
    if ("Content-Encoding", "gzip") in request.headers and body:
        try:
            body = inflate(body)
        except CodingError:
            broken = True
    pairs = tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in request.headers)
    return Received(request.method.encode(), request.target.encode("latin-1"), pairs, body, broken)
