"""A playback that defers exchanges answers like one that adds all of them at once."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.playback_cassettes import HEADER, JSON, PROTOBUF

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.exchanges import deferred_exchanges
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Exchange, ExchangeError, Request, Response
from mesotape.cassettes.indexing.compiled import native
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages.descriptors import message_class

pytestmark = pytest.mark.skipif(native is None, reason="nothing is deferred without it")

BODIES = [
    None,
    '{"type": "GET_HEALTH"}',
    '{"type": "GET_STATE"}',
    '{"unknown": 1, "type": "GET_STATE"}',
    '{"type": "READ_FILE", "read_file": {"path": "/a", "offset": 0}}',
    '{"read_file": {"offset": 0, "path": "/a"}, "type": "READ_FILE"}',
    '{"type": "READ_FILE", "read_file": {"path": "/a", "offset": "0", "x": []}}',
    '{"type": "READ_FILE", "read_file": {"path": "/b", "offset": 7}}',
    '{"type": "READ_FILE", "read_file": {"path": "/b", "offset": 7}, "get_metrics": {}}',
    '{"type": "READ_FILE", "read_file": {"path": "/b", "offset": 7}, "drain_agent": '
    '{"agent_id": {"value": "a"}, "mark_gone": false}}',
    '{"type": "READ_FILE", "read_file": {"path": "/b", "offset": 7}, "drain_agent": '
    '{"agent_id": {"value": "a"}}}',
    '{"type": "READ_FILE"}',
    '{"type": "READ_FILE", "read_file": {"path": 1}}',
    '{"type": "READ_FILE", "type": "GET_STATE"}',
    '{"type": "GET_METRICS", "get_metrics": {"timeout": {"nanoseconds": 5}}}',
    '{"type": "GET_METRICS", "get_metrics": {}}',
    '{"type": "GET_NOTHING"}',
    '{"type": "TEARDOWN", "teardown": {"framework_id": {"value": "type"}}}',
    '{"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": "a"}, "mark_gone": false}}',
    '{"type": "WAIT_CONTAINER", "wait_container": {"container_id": {"value": "c"}}}',
    '{"type": 5}',
    '"type"',
]
READ_FILE = message_class("mesos.v1.master.Call")(
    type="READ_FILE", read_file={"path": "/a", "offset": 0}
).SerializeToString()

exchanges = st.builds(
    lambda body, client, accept, path, status, peer, extra, spacing: Exchange(
        exchange=1,
        at=1.0,
        client=client,
        peer=peer,
        request=Request(
            method="GET" if body is None else "POST",
            path=path if body is None or path == "/api/v1/scheduler" else "/api/v1",
            headers={"Content-Type": JSON, "Accept": accept, **extra},
            json=body,
            spacing=None if body is None else spacing,
        ),
        response=Response(
            after=0.1, status=status, headers={"Date": "Sun, 22 Nov 2026 12:18:29 GMT"}, json="[1]"
        ),
    ),
    st.sampled_from(BODIES),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([JSON, JSON, PROTOBUF, "text/html"]),
    st.sampled_from(["/api/v1", "/metrics/snapshot", "/api/v1/scheduler", "/nowhere"]),
    st.sampled_from([200, 200, 200, 404, 503]),
    st.sampled_from([None, "127.0.0.1:4711", "127.0.0.1:4712"]),
    st.sampled_from([{}, {}, {"User-Agent": "curl/8"}, {"Authorization": "Basic {redacted}"}]),
    st.sampled_from([None, None, "spaced"]),
)
requests = st.builds(
    lambda body, accept, path: HttpRequest(
        b"GET" if body is None else b"POST",
        path.encode() if body is None else b"/api/v1",
        (
            (b"Content-Type", (PROTOBUF if body == READ_FILE else JSON).encode()),
            (b"Accept", accept.encode()),
        ),
        b"" if body is None else body if isinstance(body, bytes) else body.encode(),
    ),
    st.sampled_from([*BODIES, '{"type":"GET_MASTER"}', READ_FILE]),
    st.sampled_from([JSON, JSON, PROTOBUF, "text/html"]),
    st.sampled_from(["/api/v1", "/metrics/snapshot", "/nowhere"]),
)
options = st.sampled_from(
    [{}, {}, {"repeat": ("never",)}, {"ignore": ("READ_FILE:read_file.offset",)}, {"rebind": True}]
)


def record(path, recorded, server):
    documents = [
        yaml_writer.format_document(
            Exchange(
                exchange=number,
                at=float(number),
                client=each.client,
                peer=each.peer,
                request=each.request,
                response=Response(after=0.1, status=each.response.status, json=f"[{number}]"),
            )
        )
        for number, each in enumerate(recorded, 1)
    ]
    path.write_bytes(HEADER.format(server=server).encode() + b"".join(documents))


def outcomes(paths, asked, *, defers, given_options, takes_all=False):
    changes = {"MIN_BYTES": 0 if defers else 1 << 60, "_MIN_ROWS": 1}
    with patch.multiple(deferred_exchanges, **changes):
        cassettes = [Cassette.open(path) for path in paths]
        playback = Playback(cassettes, Options(**given_options))
        waiting = len(playback._index.deferred.waiting)
        if takes_all:
            playback._index.add_deferred()
            assert playback._index.deferred.waiting == []
        found = []
        for request, client in asked:
            try:
                answer = playback.answer(request, 0.0, client)
            except ExchangeError as error:  # An answer cannot be transcoded.
                answer = error
            is_answer = isinstance(answer, ReplayResponse)
            found.append((answer.head, answer.body) if is_answer else str(answer))
        found += [playback.unused, playback.left_out]
        calls = playback.exchanges_by_call
        found += [{name: sorted(refs) for name, refs in calls.items()}, playback.unused]
        for each in cassettes:
            each.close()
    return found, waiting


@settings(deadline=None, max_examples=60)
@given(
    st.lists(exchanges, max_size=20),
    st.lists(exchanges, max_size=5),
    st.lists(st.tuples(requests, st.integers(0, 2)), max_size=12),
    options,
    st.sampled_from(["master", "agent"]),
    st.booleans(),
)
def test_deferred_exchanges_are_answered_as_those_added_at_once(
    tmp_path_factory, first, second, asked, given_options, server, takes_all
):
    folder = tmp_path_factory.mktemp("deferred")
    record(folder / "1.yaml", first, server)
    record(folder / "2.yaml", second, "master")
    paths = [folder / "1.yaml", *([folder / "2.yaml"] if second else [])]
    expected, none = outcomes(paths, asked, defers=False, given_options=given_options)
    assert none == 0
    found, _ = outcomes(paths, asked, defers=True, given_options=given_options, takes_all=takes_all)
    assert found == expected


def post(body, **changes):
    request = Request(
        method="POST", path="/api/v1", headers={"Content-Type": JSON}, json=body, **changes
    )
    return Exchange(
        exchange=1, at=0.0, client=1, request=request, response=Response(after=0.0, status=200)
    )


def asking(body):
    return HttpRequest(b"POST", b"/api/v1", ((b"Content-Type", JSON.encode()),), body.encode())


@pytest.mark.parametrize("given_options", [{}, {"ignore": ("READ_FILE:read_file.offset",)}])
def test_calls_of_one_head_are_answered_as_those_added_at_once(tmp_path, given_options):
    bodies = [body for body in BODIES if body is not None]
    record(tmp_path / "c.yaml", [post(body) for body in [*bodies, *bodies]], "master")
    asked = [(asking(body), 0) for body in [*reversed(bodies), *bodies]]
    expected, found = (
        outcomes([tmp_path / "c.yaml"], asked, defers=defers, given_options=given_options)
        for defers in (False, True)
    )
    assert found[0] == expected[0]
    assert found[1] > 15


def test_calls_that_read_are_deferred(tmp_path):
    record(tmp_path / "c.yaml", [post(BODIES[4])] * 5, "master")
    found = outcomes([tmp_path / "c.yaml"], [(asking("{}"), 0)], defers=True, given_options={})
    assert found[1] == 4
