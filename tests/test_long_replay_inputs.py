"""What a replay and an inspection parse takes linear time: twice the input, at most twice the time.

test_long_inputs.py has the parsers of what a recorder gets.
"""

import contextlib
import json
import os
import re
from collections.abc import Callable

import pytest
from support.linear_time import find_slow

from mesotape.cassettes.format import fast_reader, json_spacing, parsing
from mesotape.cassettes.format.documents import Response
from mesotape.cassettes.format.heads import response_faults
from mesotape.cassettes.indexing.index import DocumentIndex
from mesotape.cassettes.inspection import capture_detection
from mesotape.cassettes.inspection.http_capture import CaptureReader
from mesotape.cassettes.matching.request_key import parse_request
from mesotape.cassettes.matching.servers import RecordedServers, ServerScope
from mesotape.cassettes.playback.match_cache import MatchCache
from mesotape.proto.diagnosis import json_content, length_dialects, length_errors, protobuf_content
from mesotape.proto.diagnosis.examiner import Examiner
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages import msgspec_types, picojson
from mesotape.proxy.http.http1 import ConnectionLimits
from mesotape.proxy.http.request_cache import RequestCache
from mesotape.proxy.http.request_parser import RequestParser

LARGE = 1 << 20 if os.environ.get("MESOTAPE_LONG_INPUTS") else 1 << 17
UNITS = [
    *[b"/", b"a", b"a/", b"%28", b"(1", b"1", b"0", b"1\n", b"-1", b"1e", b"a=b&", b"a, "],
    *[b"[", b'{"a":', b'"', b'\\"', b'"a",', b"1.5e3,", b"\xff", b"\xc3\xa9", b" ", b";q=1,"],
    *[b"\n", b"\r\n", b"x: y\r\n", b"    a: b\n", b"a:", b"a: ", b"    x\n", b"5\nhello", b"1\r\n"],
    *[
        b"\r\n\r\n",
        b";",
        b"1;a\r\n",
        b"---\n",
        b"\n...\n",
        b"# ",
        b"\x0a\x01",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
]
CALL = "mesos.v1.master.Call"
JSON = (b"Content-Type", b"application/json")
RECORDIO = (
    (b"Content-Type", b"application/recordio"),
    (b"Message-Content-Type", b"application/json"),
)
EXCHANGE = b"---\nexchange: 1\nat: 0.000000\nclient: 1\nrequest:\n  method: GET\n  path: /\n"


def text_of(data: bytes) -> str:
    return data.decode("latin-1")


def request(data: bytes = b"", *headers: tuple[bytes, bytes], target: bytes = b"/api/v1") -> object:
    """Parse a request as a master and as an agent do, and find the server that it is for."""
    sent = HttpRequest(b"POST", target, (*headers, (b"Accept", b"*/*")), data)
    servers = RecordedServers([])
    return [parse_request(sent, kind) for kind in ("master", "agent")], servers.scope_of(sent)


def feed(parser: RequestParser | Examiner | CaptureReader, data: bytes) -> None:
    for begin in range(0, len(data), 4096):
        list(parser.feed(data[begin : begin + 4096]) or ())
    if not isinstance(parser, RequestParser):
        list(parser.close())


def examine_length(data: bytes) -> None:
    length_errors.diagnose_length_line(data, 0)
    length_dialects.intended_lengths(data)
    for parse in (length_dialects.parse_length_cpp, length_dialects.parse_length_python):
        parse(data)


def cached_match(data: bytes) -> None:
    cache, sent = MatchCache[int](warm_lookups=0), HttpRequest(b"POST", b"/", (JSON,), data)
    cache.put(sent, ServerScope(), 1, CALL)
    cache.get(sent, ServerScope())


def index(data: bytes) -> DocumentIndex:
    return DocumentIndex(lambda size, offset: data[offset : offset + size])


def spaced(data: bytes) -> None:
    """Lay out JSON of as many tokens, and find the layout again."""
    text = json.dumps([text_of(data[:64]), {"a": [1, {}]}] * (len(data) // 256)).encode()
    for spacing in ("jackson", "protobuf-java", "comma-spaced"):
        json_spacing.find_spacing(json_spacing.apply_spacing(text, spacing))


def yaml_number(data: bytes) -> object:
    document = b"---\nevent: 1\nof: 1\nat: 0.000000\njson:\n  a: " + data.split(b"\n")[0]
    return parsing.parse_document(document + b"\n...\n")


PARSERS: dict[str, Callable[[bytes], object]] = {
    "JSON, exactly": picojson.parse_json_exactly,
    "JSON, exactly, in a string": lambda data: picojson.parse_json_exactly(b'"' + data + b'"'),
    "number, exactly": lambda data: picojson.parse_json_exactly(b"1" + data + b"-"),
    "zeros, exactly": lambda data: picojson.parse_json_exactly(b"0" + data + b"."),
    "number in YAML": lambda data: yaml_number(b"1" + data + b"x"),
    "zeros in YAML": lambda data: yaml_number(b"0" + data + b"x"),
    "float in YAML": lambda data: yaml_number(b"0." + data + b"x"),
    "canonical JSON": picojson.canonical_json,
    "canonical message": lambda data: msgspec_types.canonical_message(
        b'{"type":"READ_FILE","x":[' + data + b"0]}", CALL
    ),
    "cached match": cached_match,
    "body of a call": lambda data: request(data, JSON),
    "member of a call": lambda data: request(b'{"type":"GET_STATE","x":"' + data + b'"}', JSON),
    "body in protobuf": lambda data: request(data, (b"Content-Type", b"application/x-protobuf")),
    "streamed body": lambda data: request(data, *RECORDIO),
    "Content-Type": lambda data: request(b"", (b"Content-Type", data)),
    "Accept": lambda data: request(b'{"type":"GET_STATE"}', JSON, (b"Accept", data)),
    "Accept-Encoding": lambda data: request(b"", JSON, (b"Accept-Encoding", data)),
    "Message-Accept": lambda data: request(b"", *RECORDIO, (b"Message-Accept", data)),
    "Host": lambda data: request(b"", (b"Host", data)),
    "target": lambda data: request(target=b"/" + data),
    "query": lambda data: request(target=b"/state?" + data),
    "absolute target": lambda data: request(target=b"http://" + data),
    "HTTP": lambda data: feed(RequestParser(ConnectionLimits(), RequestCache()), data),
    "HTTP, at once": lambda data: RequestParser(ConnectionLimits(), RequestCache()).feed(data),
    "head": lambda data: RequestCache().get(b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n"),
    "index": index,
    "index, one document": lambda data: index(b"---\nnote: a\n" + data + b"\n...\n"),
    "index, after an end mark": lambda data: index(b"---\nnote: a\n...\n" + data),
    "event": lambda data: fast_reader.parse_event(
        b"---\nevent: 1\nof: 1\nat: 0.000000\njson: |-\n  " + data + b"\n...\n"
    ),
    "exchange": lambda data: fast_reader.parse_exchange_head(EXCHANGE + data),
    "headers of an exchange": lambda data: fast_reader.parse_exchange_head(
        EXCHANGE + b"  headers:\n" + data + b"response:\n"
    ),
    "body of an exchange": lambda data: fast_reader.parse_exchange_head(
        EXCHANGE + b"  json: |-\n    x\n" + data + b"response:\n"
    ),
    "document": lambda data: fast_reader.parse_document_nodes(b"---\n" + data + b"\n...\n"),
    "key of a document": lambda data: fast_reader.parse_document_nodes(b"---\na" + data + b"\n"),
    "value of a document": lambda data: fast_reader.parse_document_nodes(b"---\na: b" + data),
    "head of a response": lambda data: list(
        response_faults(Response(after=0.0, status=200, headers={"A": text_of(data)}))
    ),
    "spacing": json_spacing.find_spacing,
    "spacing of JSON": spaced,
    "beginning of a capture": lambda data: capture_detection.has_http_framing(data, is_whole=True),
    "size of a chunk": lambda data: capture_detection.has_http_framing(b"1" + data, is_whole=True),
    "capture": lambda data: feed(CaptureReader(), b"HTTP/1.1 200 OK\r\n" + data),
    "capture of chunks": lambda data: feed(CaptureReader(), b"5\r\n3\nabc\r\n" + data),
    "stream": lambda data: feed(Examiner(), data),
    "stream of JSON": lambda data: feed(Examiner("mesos.v1.master.Event", "json"), data),
    "stream of protobuf": lambda data: feed(Examiner("mesos.v1.master.Event", "protobuf"), data),
    "stream after a record": lambda data: feed(Examiner(), b'20\n{"type":"HEARTBEAT"}' + data),
    "length": examine_length,
    "record in JSON": lambda data: json_content.examine(data, "mesos.v1.master.Event"),
    "record in protobuf": lambda data: protobuf_content.examine(data, "mesos.v1.master.Event"),
}


@pytest.mark.parametrize("name", PARSERS)
def test_twice_the_input_takes_at_most_twice_the_time(name: str) -> None:
    def parse(data: bytes) -> None:
        with contextlib.suppress(ValueError, LookupError, RecursionError):
            PARSERS[name](data)

    # Memory that is new to the process is slower, which looks like more than linear time where
    # documents take 50 ms.
    is_slow = re.search("^stream|^capture|^spacing of|document|exchange", name) is not None
    large = LARGE // 4 if is_slow else LARGE
    assert not find_slow(parse, UNITS, (1 << 14, large))
