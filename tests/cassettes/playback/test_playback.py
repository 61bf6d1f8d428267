import gzip
import json

import pytest
from support.playback_cassettes import (
    JSON,
    PROTOBUF,
    STREAM,
    TEARDOWN,
    answering,
    body_of,
    end,
    event,
    exchange,
    reason_of,
    request,
)

from mesotape.cassettes.answers.answer import Ending, StreamedResponse
from mesotape.cassettes.answers.pace import Every, Instant, Recorded, Stepped
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.proto.messages.descriptors import message_class


def steps_of(answer, limit=100):
    assert isinstance(answer, StreamedResponse)
    return [step for step, _ in zip(answer.steps, range(limit), strict=False)]


def test_a_call_is_matched_by_its_meaning(play):
    playback = play(exchange(1, response=answering("well")))
    message = message_class("mesos.v1.master.Call")(type=1).SerializeToString()
    for other in (
        request(b'{ "type" : "GET_HEALTH" }'),
        request(b'{"unknown":1,"type":"GET_HEALTH"}'),
        request(message, content_type=PROTOBUF),
        request(path="/master/api/v1/"),
    ):
        assert body_of(playback.answer(other, 0.0)) == b"well"


def test_equal_read_only_calls_get_the_answers_in_order_and_the_last_one_again(play):
    playback = play(exchange(1, response=answering("one")), exchange(2, response=answering("two")))
    bodies = [body_of(playback.answer(request(), 0.0)) for _ in range(4)]
    assert bodies == [b"one", b"two", b"two", b"two"]


def dashboards(play):
    """Two that ask for the same, of which the first asks for something else before."""
    first = exchange(1, b'{"type":"GET_VERSION"}', answering("version"))
    mine = exchange(2, response=answering("first"))
    other = exchange(3, response=answering("second")).replace("client: 1", "client: 2")
    return play(first, mine, other)


@pytest.mark.parametrize("order", ["vab", "vba", "bva", "avb"])
def test_a_client_gets_the_answers_of_the_recorded_client_with_the_same_requests(play, order):
    playback, got = dashboards(play), {}
    for each in order:
        if each == "v":
            playback.answer(request(b'{"type":"GET_VERSION"}'), 0.0, 7)
        else:
            got[each] = body_of(playback.answer(request(), 0.0, 7 if each == "a" else 8))
    expected = {"a": b"first", "b": b"second"}
    assert got == (expected if order != "avb" else {"a": b"second", "b": b"first"})


def test_a_client_takes_the_place_of_one_that_has_left(play):
    playback = dashboards(play)
    playback.answer(request(b'{"type":"GET_VERSION"}'), 0.0, 7)
    playback.forget_connection(7)
    assert body_of(playback.answer(request(), 0.0, 8)) == b"first"


@pytest.mark.parametrize(
    ("repeat", "bodies"),
    [
        ("cycle", [b"one", b"two", b"one", b"two"]),
        ("last", [b"one", b"two", b"two", b"two"]),
        ("GET_HEALTH=cycle", [b"one", b"two", b"one", b"two"]),
        ("GET_STATE=cycle", [b"one", b"two", b"two", b"two"]),
    ],
)
def test_answers_repeat_as_asked_for(play, repeat, bodies):
    documents = [exchange(n, response=answering(text)) for n, text in ((1, "one"), (2, "two"))]
    playback = play(*documents, repeat=[repeat])
    assert [body_of(playback.answer(request(), 0.0)) for _ in range(4)] == bodies


def test_without_repeats_a_read_is_answered_once(play):
    playback = play(exchange(1, response=answering("one")), repeat=["never"])
    assert body_of(playback.answer(request(), 0.0)) == b"one"
    miss = playback.answer(request(), 0.0)
    assert reason_of(miss) == "already played"
    assert "--repeat GET_HEALTH=last" in miss.advice


def test_a_mutating_call_repeats_if_it_is_named(play):
    playback = play(exchange(1, TEARDOWN), repeat=["TEARDOWN=last"])
    assert [playback.answer(request(TEARDOWN), 0.0).status for _ in range(3)] == [202] * 3


def test_a_mutating_call_is_answered_once(play):
    playback = play(exchange(1, TEARDOWN))
    assert playback.answer(request(TEARDOWN), 0.0).status == 202
    assert reason_of(playback.answer(request(TEARDOWN), 0.0)) == "already played"


def test_plain_reads_repeat_and_plain_writes_do_not(play):
    playback = play(
        exchange(1, "", answering("v"), method="GET", path="/version"),
        exchange(2, "a=b", answering("w"), path="/machine/up"),
    )
    get = request(b"", method="GET", path="/version", content_type=None)
    post = request(b"a=b", path="/machine/up")
    assert [body_of(playback.answer(get, 0.0)) for _ in range(2)] == [b"v", b"v"]
    assert body_of(playback.answer(post, 0.0)) == b"w"
    assert reason_of(playback.answer(post, 0.0)) == "already played"


def test_a_plain_request_matches_by_query_and_by_the_folded_path(play):
    playback = play(
        exchange(1, "", answering("a"), method="GET", path="/master/tasks?task_id=a"),
        exchange(2, "", answering("b"), method="GET", path="/tasks?task_id=b"),
    )
    for path, body in (("/tasks/?task_id=a", b"a"), ("/master/tasks?task_id=b", b"b")):
        get = request(b"", method="GET", path=path, content_type=None)
        assert body_of(playback.answer(get, 0.0)) == body


def test_a_request_that_mesos_refuses_matches_by_content_type_and_bytes(play):
    playback = play(
        exchange(1, response=answering("415"), content_type="text/plain"),
        exchange(2, b"{", response=answering("400")),
    )
    assert body_of(playback.answer(request(content_type="text/plain"), 0.0)) == b"415"
    assert body_of(playback.answer(request(b"{"), 0.0)) == b"400"
    assert reason_of(playback.answer(request(), 0.0)) == "nothing recorded for this call"


@pytest.mark.parametrize(
    ("sent", "difference"),
    [
        (request(content_type="text/json"), "Content-Type: application/json → text/json"),
        (request(b"{"), "body: master call GET_HEALTH → no call that Mesos accepts"),
        (request(path="/api/v1/x", content_type="a"), None),
    ],
)
def test_the_report_of_a_refused_call_names_the_difference(play, sent, difference):
    playback = play(exchange(1))
    assert playback.answer(sent, 0.0).status in (400, 415)
    (refused,) = playback.journal.refusals
    assert [str(d) for near in refused.miss.nearest for d in near.differences] == (
        [difference] if difference else []
    )
    assert playback.journal.missed_count == 0


def test_an_answer_recorded_in_the_wanted_encoding_is_preferred(play):
    playback = play(
        exchange(1, response=answering("json")),
        exchange(2, response=answering("protobuf"), accept=PROTOBUF),
    )
    assert body_of(playback.answer(request(Accept=PROTOBUF), 0.0)) == b"protobuf"
    assert body_of(playback.answer(request(), 0.0)) == b"json"


def test_the_encoding_of_an_answer_without_a_message_does_not_count(play):
    scheduler = "/api/v1/scheduler"
    decline = b'{"framework_id":{"value":"f"},"type":"DECLINE","decline":{"offer_ids":[]}}'
    playback = play(exchange(1, decline, path=scheduler))
    answer = playback.answer(request(decline, path=scheduler, Accept=PROTOBUF), 0.0)
    assert answer.status == 202


def test_an_actor_message_has_no_answer(play):
    playback = play(exchange(1))
    answer = playback.answer(request(Libprocess_From="slave(1)@127.0.0.1:5051"), 0.0)
    assert reason_of(answer) == "actor message"


def test_a_head_keeps_its_order_and_spelling_and_the_length_is_computed_in_its_place(play):
    headers = {"date": "today", "CONTENT-length": "999", "Content-Type": "application/json"}
    playback = play(exchange(1, response=answering("well", **headers)))
    assert playback.answer(request(), 0.0).head == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\nCONTENT-length: 4\r\n"
        b"Content-Type: application/json\r\n\r\n"
    )


def test_a_body_without_recorded_length_gets_one(play):
    playback = play(exchange(1, response=answering("well")))
    assert playback.answer(request(), 0.0).head == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


def test_a_reason_of_its_own_is_kept(play):
    playback = play(exchange(1, response="status: 200\n  reason: Fine"))
    assert playback.answer(request(), 0.0).head.startswith(b"HTTP/1.1 200 Fine\r\n")


def test_a_body_is_compressed_again_for_a_client_that_accepts_gzip(play):
    text = "x" * 2000
    headers = {"Content-Encoding": "gzip", "Content-Length": "9"}
    playback = play(exchange(1, response=answering(text, **headers)))
    zipped = playback.answer(request(Accept_Encoding="gzip"), 0.0)
    assert gzip.decompress(zipped.body) == text.encode()
    assert b"Content-Length: %d\r\n" % len(zipped.body) in zipped.head
    plain = playback.answer(request(), 0.0)
    assert plain.body == text.encode()
    assert b"gzip" not in plain.head


def test_a_body_that_was_no_gzip_is_sent_as_recorded(play):
    response = (
        "status: 200\n  headers:\n    Content-Encoding: gzip\n  base64: YWJj\n  malformed: no gzip"
    )
    playback = play(exchange(1, response=response))
    assert playback.answer(request(Accept_Encoding="gzip"), 0.0).body == b"abc"


def test_head_gets_the_recorded_head_without_a_body(play):
    headers = {"Content-Length": "17"}
    playback = play(exchange(1, "", answering("x", **headers), method="HEAD", path="/version"))
    head = request(b"", method="HEAD", path="/version", content_type=None)
    answer = playback.answer(head, 0.0)
    assert answer.body == b""
    assert b"Content-Length: 17\r\n" in answer.head


def test_an_answer_that_was_cut_is_sent_with_its_recorded_length_and_cut(play):
    response = answering("half", **{"Content-Length": "8"}) + "\n  cause: server-cut"
    answer = play(exchange(1, response=response)).answer(request(), 0.0)
    assert answer.body == b"half"
    assert b"Content-Length: 8\r\n" in answer.head
    assert answer.close


def test_an_exchange_without_an_answer_has_none_at_replay(play):
    answer = play(exchange(1, response="cause: server-cut")).answer(request(), 0.0)
    assert (answer.status, answer.head, answer.body, answer.close) == (None, b"", b"", True)


def subscribe(*events, **changes):
    return "".join([exchange(1, b'{"type":"SUBSCRIBE"}', STREAM, at=10.0, **changes), *events])


SUBSCRIBE = request(b'{"type":"SUBSCRIBE"}')


def test_records_are_framed_again_and_due_as_recorded(play):
    playback = play(
        subscribe(
            event(1, 1, 10.5, "text: 'one'"), event(2, 1, 12.0, "text: 'two'"), end(1, 13, "server")
        )
    )
    assert steps_of(playback.answer(SUBSCRIBE, 1000.0)) == [
        (1000.5, b"3\none"),
        (1002.0, b"3\ntwo"),
        (1003.0, Ending.FINAL_CHUNK),
    ]


def test_at_the_instant_pace_all_is_due_at_once(play):
    events = [event(1, 1, 10.5, "text: 'one'"), end(1, 13, "server-cut")]
    playback = play(subscribe(*events), pace=Instant())
    assert steps_of(playback.answer(SUBSCRIBE, 7.0)) == [(7.0, b"3\none"), (7.0, Ending.CUT)]


def test_a_read_only_stream_plays_again(play):
    playback = play(subscribe(event(1, 1, 10.0, "text: 'one'"), end(1, 10, "server")))
    first = steps_of(playback.answer(SUBSCRIBE, 0.0))
    assert steps_of(playback.answer(SUBSCRIBE, 0.0)) == first


def test_malformed_bytes_are_sent_as_recorded(play):
    piece = "base64: NXhcbmFi\nmalformed: bad length\noffset: 0"
    playback = play(subscribe(event(1, 1, 10.0, piece), end(1, 10, "malformed")))
    assert steps_of(playback.answer(SUBSCRIBE, 0.0)) == [(0.0, b"5x\\nab"), (0.0, Ending.CUT)]


def test_a_stream_of_chunks_is_not_framed(play):
    chunked = STREAM.replace("recordio", "chunks")
    playback = play(
        exchange(1, "", chunked, method="GET", path="/files/read"),
        event(1, 1, 0.5, "text: 'one'"),
        end(1, 1, "server"),
    )
    get = request(b"", method="GET", path="/files/read", content_type=None)
    assert steps_of(playback.answer(get, 0.0)) == [(0.5, b"one"), (1.0, Ending.FINAL_CHUNK)]


HEARTBEAT = 'text: \'{"type":"HEARTBEAT"}\''
BEAT = b'20\n{"type":"HEARTBEAT"}'


@pytest.mark.parametrize("last", [end(1, 50, "client"), end(1, 50, "stopped"), ""])
def test_a_stream_that_the_server_did_not_end_stays_open_with_heartbeats(play, last):
    events = [event(1, 1, 10, HEARTBEAT), event(2, 1, 25, HEARTBEAT), event(3, 1, 42, "text: 'x'")]
    playback = play(subscribe(*events, last))
    steps = steps_of(playback.answer(SUBSCRIBE, 100.0), limit=6)
    assert steps[3:] == [(145.0, BEAT), (160.0, BEAT), (175.0, BEAT)]


def test_heartbeats_keep_step_with_the_speed(play):
    events = [event(1, 1, 10, HEARTBEAT), event(2, 1, 25, HEARTBEAT)]
    playback = play(subscribe(*events), pace=Recorded(speed=5))
    steps = steps_of(playback.answer(SUBSCRIBE, 0.0), limit=4)
    assert steps[1:] == [(3.0, BEAT), (6.0, BEAT), (9.0, BEAT)]


def test_a_single_heartbeat_goes_on_as_the_greeting_announced(play):
    greeting = 'text: \'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}\''
    playback = play(subscribe(event(1, 1, 10, greeting), event(2, 1, 10, HEARTBEAT)))
    steps = steps_of(playback.answer(SUBSCRIBE, 0.0), limit=4)
    assert steps[2:] == [(15.0, BEAT), (30.0, BEAT)]


def test_the_instant_pace_has_no_heartbeats_of_its_own(play):
    events = [event(1, 1, 10, HEARTBEAT), event(2, 1, 25, HEARTBEAT)]
    playback = play(subscribe(*events), pace=Instant())
    assert steps_of(playback.answer(SUBSCRIBE, 0.0)) == [(0.0, BEAT), (0.0, BEAT)]


def test_events_are_read_when_they_are_needed(play):
    events = [event(1, 1, 10, "text: 'one'"), event(2, 1, 11, "json: '{'")]
    answer = play(subscribe(*events)).answer(SUBSCRIBE, 0.0)
    assert next(answer.steps) == (0.0, b"3\none")
    with pytest.raises(ValueError, match="json: not JSON"):
        next(answer.steps)


def test_a_call_of_another_type_is_nothing_recorded(play):
    playback = play(exchange(1))
    miss = playback.answer(request(b'{"type":"GET_STATE"}'), 0.0)
    assert str(miss) == (
        "no recorded answer: POST /api/v1, master call GET_STATE: nothing recorded for this call\n"
        "  nearest: exchange 1, master call GET_HEALTH\n"
        "      type: GET_HEALTH → GET_STATE\n"
        "  what to do: Record a session in which the client makes this call, "
        "or keep the client from making it.\n"
        "  to record: mesotape record http://master.example:5050"
        f" --output {playback.cassettes[0].path} --append"
    )


def test_a_call_that_differs_shows_where(play):
    accept = (
        b'{"framework_id":{"value":"f"},"type":"ACCEPT","accept":{"offer_ids":[{"value":"%b"}]%b}}'
    )
    filters = b',"filters":{"refuse_seconds":9.0}'
    path = "/api/v1/scheduler"
    playback = play(
        exchange(1, accept % (b"O1", b""), path=path),
        exchange(2, accept % (b"O2", filters), path=path),
    )
    miss = playback.answer(request(accept % (b"O3", filters), path=path), 0.0)
    assert reason_of(miss) == "differs"
    report = json.loads(miss.to_json())
    assert [near["exchange"] for near in report["nearest"]] == [2, 1]
    assert report["nearest"][0]["differences"] == [
        {"path": "accept.offer_ids[0].value", "recorded": '"O2"', "received": '"O3"'}
    ]
    assert "accept.filters.refuse_seconds: (absent) → 9.0" in str(miss)
    assert playback.journal.misses == [miss]


def test_a_call_that_accepts_nothing_differs_in_its_refusal(play):
    playback = play(exchange(1))
    assert playback.answer(request(Accept="text/html"), 0.0).status == 406
    assert [str(d) for d in playback.journal.refusals[0].miss.nearest[0].differences] == [
        "refusal: (absent) → 406 Not Acceptable: "
        "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
    ]


def test_at_most_three_exchanges_are_near(play):
    teardowns = [exchange(n, TEARDOWN.replace(b'"f"', b'"f%d"' % n)) for n in range(1, 6)]
    miss = play(*teardowns).answer(request(TEARDOWN), 0.0)
    assert len(miss.nearest) == 3


def test_exchanges_that_were_not_requested_are_unused(play):
    playback = play(exchange(1), exchange(2), exchange(3, TEARDOWN))
    playback.answer(request(), 0.0)
    assert [place.exchange for place in playback.unused] == [2, 3]
    assert playback.journal.served_count == 1


def test_several_cassettes_play_as_one(play):
    one = play(exchange(1, response=answering("one"))).cassettes[0]
    two = play(exchange(1, response=answering("two"))).cassettes[0]
    playback = Playback([one, two], Options())
    assert [playback.answer(request(), 0.0).body for _ in range(2)] == [b"one", b"two"]


def test_input_matches_however_it_is_cut_and_without_heartbeats(play):
    def record(text):
        return b"%d\n" % len(text) + text

    call = '{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":%s}'
    head = call % '{"type":"CONTAINER_ID","container_id":{"value":"c"}}'

    def io(what):
        return call % ('{"type":"PROCESS_IO","process_io":%s}' % what)  # noqa: UP031

    def data(text):
        return io('{"type":"DATA","data":{"type":"STDIN","data":"%s"}}' % text)  # noqa: UP031

    beat = io('{"type":"CONTROL","control":{"type":"HEARTBEAT"}}')
    sent = [head, beat, data("bHM="), data("Cg=="), beat]
    shown = [f"from: client\ntext: '{text}'" for text in (head, data("bAo="), beat)]
    shown[1] = f"from: client\ntext: '{data('bHMK')}'"
    recorded = exchange(1, "", content_type="application/recordio", server="agent")
    recorded = recorded.replace(
        "application/recordio", "application/recordio\n    Message-Content-Type: application/json"
    ).replace("\n  \nresponse", "\n  stream: recordio\nresponse")
    events = [
        event(n, 1, 0.0, body).replace("at: 0.000000\nfrom: client", "at: 0.000000\nfrom: client")
        for n, body in enumerate(shown, 1)
    ]
    playback = play(recorded, *events, server="agent")
    body = b"".join(record(text.encode()) for text in sent)
    typed = request(body, content_type="application/recordio", Message_Content_Type=JSON)
    assert playback.answer(typed, 0.0).status == 202


@pytest.mark.parametrize(
    ("options", "has_blocks"),
    [
        ({"pace": Instant()}, True),
        ({"pace": Recorded()}, False),
        ({"pace": Every(0.0)}, False),
        ({"pace": Stepped()}, False),
        ({"pace": Instant(), "rebind": True}, False),
        ({"pace": Instant(), "faults": ("drop@2",)}, False),
        ({"pace": Instant(), "causality": "off"}, True),
    ],
)
def test_a_stream_is_sent_in_blocks_if_nothing_concerns_single_records(play, options, has_blocks):
    body = b'{"type":"SUBSCRIBE"}'
    playback = play(exchange(1, body, STREAM), event(1, 1, 1.0, "text: a"), **options)
    assert (playback.answer(request(body), 0.0).blocks is not None) == has_blocks


def test_a_stream_that_waits_for_a_call_is_not_sent_in_blocks(play):
    body = b'{"type":"SUBSCRIBE"}'
    documents = (exchange(1, body, STREAM), exchange(2, TEARDOWN, at=1.0))
    playback = play(*documents, event(1, 1, 2.0, "text: a"), pace=Instant(), causality="all")
    assert playback.answer(request(body), 0.0).blocks is None


def test_a_call_that_cannot_be_played_is_made_and_not_served(play):
    playback = play(exchange(1, TEARDOWN, "status: 200\n  json: '{'"), exchange(2, at=1.0))
    with pytest.raises(ValueError, match="not JSON"):
        playback.answer(request(TEARDOWN), 0.0)
    assert playback.journal.served_count == 0
    playback.answer(request(), 0.0)
    assert [ref.exchange for ref in playback.journal.served] == [2]
    assert [ref.exchange for ref in playback.journal.failed] == [1]
    assert playback.left_out == playback.unused == []
