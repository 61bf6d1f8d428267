"""Parsers of what comes from the wire take linear time: twice the input, at most twice the time."""

import os
from collections.abc import Callable

import pytest
from support.linear_time import find_slow, is_linear

from mesotape.addons.views import display
from mesotape.addons.views.kept_body import TailBuffer
from mesotape.cassettes.format import bodies
from mesotape.cassettes.format.headers import group_headers
from mesotape.cassettes.recording.observations import (
    BodyData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.proto.api import calls, endpoints
from mesotape.proto.api.apis import MASTER
from mesotape.proto.http import credentials, redirects
from mesotape.proto.http.address import is_authority
from mesotape.proto.recordio import Decoder
from mesotape.proto.shown_text import escape_surrogates

LARGE = 1 << 20 if os.environ.get("MESOTAPE_LONG_INPUTS") else 1 << 17
UNITS = [
    *[b"/", b"/a", b"a", b"%28", b"(1", b"1", b"\n", b"1\n", b"01", b"a=b&", b"a=b; ", b"a, "],
    *[b"[", b'{"a":', b'\\"', b'"', b'"a",', b"1.5e3,", b"\xff", b"\xc3\xa9", b"\r\n", b"x: y\r\n"],
    *[b"://", b"a:b@", b"-", b"eyJ.", b"A1", b"\x0a\x01", b"<a ", b"\x1b[0m", b":1"],
]


def text_of(data: bytes) -> str:
    return data.decode("latin-1")


def feed_in_pieces(data: bytes) -> None:
    decoder = Decoder()
    for begin in range(0, len(data), 1000):
        decoder.feed(data[begin : begin + 1000])
    decoder.close()


def record_head(data: bytes) -> None:
    """Record an exchange that has the data in path, header and reason."""
    text = text_of(data)
    recording = Recording("master")
    fields = [("Cookie", text), (text, "1"), *[("X-Many", "1")] * (len(data) // 16)]
    recording.feed(RequestHead(1, 0.0, 1, None, "POST", f"/{text}", "HTTP/1.1", fields))
    recording.feed(RequestEnd(1, 0.0))
    recording.feed(ResponseHead(1, 0.0, 200, text, fields))
    recording.feed(ExchangeEnd(1, 0.0, "server"))


def record_body(data: bytes) -> None:
    recording = Recording("master")
    fields = [("Content-Type", "application/json")]
    recording.feed(RequestHead(1, 0.0, 1, None, "POST", "/api/v1", "HTTP/1.1", fields))
    recording.feed(BodyData(1, 0.0, "client", data))
    recording.feed(RequestEnd(1, 0.0))
    recording.feed(ExchangeEnd(1, 0.0, "client"))


PARSERS: dict[str, Callable[[bytes], object]] = {
    "path": lambda data: endpoints.find_api(f"/api/v1/{text_of(data)}", "master"),
    "path of an agent": lambda data: endpoints.find_api(f"/{text_of(data)}", "agent"),
    "absolute target": lambda data: endpoints.find_api(f"http://{text_of(data)}", None),
    "User-Agent": lambda data: endpoints.is_actor_message([("User-Agent", text_of(data))]),
    "Location": lambda data: redirects.split_location(f"//{text_of(data)}"),
    "Host": lambda data: is_authority(text_of(data)),
    "Authorization": lambda data: credentials.scheme_of(text_of(data)),
    "headers": lambda data: group_headers([("a", "b")] * (len(data) // 4)),
    "call in JSON": lambda data: calls.identify_call_type(data, "application/json", MASTER),
    "call in protobuf": lambda data: calls.identify_call_type(
        data, "application/x-protobuf", MASTER
    ),
    "records": lambda data: Decoder().feed(data),
    "records in pieces": feed_in_pieces,
    "tail for the views": lambda data: TailBuffer(4096).feed(data),
    "text for the views": lambda data: display.render_bytes(data),
    "note": lambda data: escape_surrogates(data.decode("utf-8", "surrogateescape")),
    "body": bodies.decode_body,
    "JSON body": bodies.decode_json_body,
    "recorded head": record_head,
    "recorded body": record_body,
}


@pytest.mark.parametrize("name", PARSERS)
def test_twice_the_input_takes_at_most_twice_the_time(name: str) -> None:
    parse = PARSERS[name]
    # Redaction takes seconds for a megabyte, in the process of the writer.
    sizes = (1 << 14, 1 << 16 if name.startswith("recorded") else LARGE)
    assert not find_slow(parse, UNITS, sizes)


def test_what_is_quadratic_is_found() -> None:
    def quadratic(data: bytes) -> None:
        for length in range(0, len(data), 8):
            sum(data[:length])

    assert not is_linear(quadratic, b"a", 1 << 14)
