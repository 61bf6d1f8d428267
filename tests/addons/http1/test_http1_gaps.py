"""The faster code for chunks does what that of h11 and mitmproxy does."""

import itertools
from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import example, given
from hypothesis import strategies as st
from mitmproxy.proxy.layers.http import _http1  # pyright: ignore[reportPrivateUsage]
from mitmproxy.proxy.layers.http._events import RequestData, ResponseData
from mitmproxy.test.tflow import tclient_conn
from mitmproxy.test.tutils import treq, tresp

from mesotape.addons.http1 import http1_gaps

SIZES = st.sampled_from(
    [*(b"0 00 3 03 A a 1_0 +3 -3 ;x 3;x=y 3\t z 0x3 fffffff 000000003 0000000003".split(b" ")), b""]
)
CHUNKS = st.one_of(
    st.binary(min_size=1, max_size=20).map(lambda data: b"%x\r\n%b\r\n" % (len(data), data)),
    st.tuples(SIZES, st.sampled_from([b"abc", b"0123456789", b"\r\n", b""])).map(
        lambda each: b"%b\r\n%b\r\n" % each
    ),
    st.sampled_from([b"3\r\nabcd\r\n", b"3\nabc\n", b"3\r\nab", b"\r\n", b"3\r\nabc\r\r\n"]),
)
ENDS = st.sampled_from([b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n\r\nHTTP/1.1 200", b""])


def read(reader: Any, data: bytes, cuts: list[int]) -> tuple[bytes, Any, bytes, bool]:
    """Return the data of all chunks, how they end, what is left, and the state."""
    buffer, passed, places = ReceiveBuffer(), b"", sorted({0, *cuts, len(data)})
    end: Any = None
    for begin, stop in itertools.pairwise(places):
        buffer += data[begin:stop]
        try:
            while isinstance(event := reader(buffer), h11.Data):
                passed += event.data
        except (h11.ProtocolError, ValueError) as error:
            return passed, repr(error), b"", False
        end = event
        if end is not None:
            break
    return passed, repr(end), bytes(buffer), reader._reading_trailer


@given(st.lists(CHUNKS, max_size=6), ENDS, st.lists(st.integers(0, 90), max_size=6))
@example([b"3\r\nabc\r\n"], b"0\r\n\r\n", [])
def test_chunks_are_read_as_by_h11(chunks: list[bytes], end: bytes, cuts: list[int]) -> None:
    data = b"".join([*chunks, end])
    inside = [cut for cut in cuts if cut < len(data)]
    ours = read(http1_gaps._TrailerReader(), data, inside)
    assert ours == read(ChunkedReader(), data, inside)


@given(
    st.lists(
        st.tuples(st.binary(max_size=20), st.sampled_from([None, "chunked", "Chunked", "gzip"]))
    ),
    st.booleans(),
)
def test_pieces_are_sent_as_by_mitmproxy(
    pieces: list[tuple[bytes, str | None]], is_request: bool
) -> None:
    connection: Any = _http1.Http1Client if is_request else _http1.Http1Server
    make = RequestData if is_request else ResponseData
    request, response = treq(), tresp()
    message = request if is_request else response
    context: Any = type("Context", (), {"client": tclient_conn(), "server": tclient_conn()})
    connections = [_connection(connection, context, request, response) for _ in range(2)]
    for data, framing in pieces:
        message.headers.pop("transfer-encoding", None)
        if framing is not None:
            message.headers["Transfer-Encoding"] = framing
        event: Any = make(1, data)
        ours = http1_gaps._send_data(connections[0], event, message)
        theirs = _original_send(connection)(connections[1], event)
        assert [each.data for each in ours] == [each.data for each in theirs]


def _connection(connection: Any, context: Any, request: Any, response: Any) -> Any:
    made = connection.__new__(connection)
    made.conn, made.stream_id, made.request, made.response = context.client, 1, request, response
    return made


def _original_send(connection: Any) -> Any:
    """Return the method of mitmproxy, also if it was replaced."""
    send = connection.send
    cells = dict(zip(send.__code__.co_freevars, send.__closure__ or (), strict=True))
    return cells["original"].cell_contents if "original" in cells else send
