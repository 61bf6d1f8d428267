"""Faults in a whole replay: what they hit, how they are reported, and over real sockets."""

import json
from email.utils import format_datetime

import pytest
from support import container_sessions as sessions
from support.certificate_authority import Authority
from support.commands import run, running
from support.container_sessions import begun, data, names, recorded_input
from support.playback_cassettes import (
    GET_HEALTH,
    STREAM,
    TEARDOWN,
    answering,
    end,
    event,
    exchange,
    reason_of,
    request,
)
from support.sockets import LAST_CHUNK, connect, post

from mesotape.cassettes.answers.answer import Ending, Notify, RawBytes, ReplayResponse
from mesotape.cassettes.answers.gates import Latch, WaitFor
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.faults.answer_faults import AnswerFaults
from mesotape.cassettes.faults.fault_spec import FaultError, parse_fault
from mesotape.cassettes.faults.kinds import FAULT_KINDS
from mesotape.cassettes.faults.seeded_random import SeededRandom
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto import recordio
from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.control.player import Player

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
AGENTS = b'{"type":"GET_AGENTS"}'
BEAT = 'json: {"type":"HEARTBEAT"}'
RECORD = b'20\n{"type":"HEARTBEAT"}'


def went_out(answer):
    """The bytes of an answer, without chunks of events, when they are due, and how it ends."""
    if isinstance(answer, ReplayResponse):
        return answer.head + answer.body, [0.0], None
    data, dues = answer.head, [0.0] if answer.head else []
    for at, step in answer.steps:
        match step:
            case bytes() | RawBytes():
                data += step if isinstance(step, bytes) else step.data
                dues.append(at)
            case Notify():
                step.callback()
            case Ending():
                return data, dues, step
            case WaitFor():
                pass
    return data, dues, None


def status(answer):
    return answer.status if isinstance(answer, ReplayResponse) else went_out(answer)


def streaming(number, at=0.0, records=3):
    yield exchange(number, SUBSCRIBE, STREAM, at=at)
    for each in range(1, records + 1):
        yield event(each, number, at + each, BEAT)
    yield end(number, at + records + 1, "server")


def test_without_faults_none_is_reported(play):
    playback = play(exchange(1, response=answering("well")))
    assert playback.answer(request(), 0.0).body == b"well"
    assert (playback.fault_hit_counts, playback.journal.fault_hits) == ({}, [])


def test_an_invalid_fault_is_refused_when_the_options_are_made():
    with pytest.raises(FaultError, match="the nearest is drop"):
        Options(faults=["dropp"])


def test_one_fault_may_be_given_as_a_string(play):
    playback = play(exchange(1), faults="GET_HEALTH:503")
    assert playback.answer(request(), 0.0).status == 503
    assert playback.fault_hit_counts == {"GET_HEALTH:503": 1}


def test_a_call_that_a_fault_refuses_is_not_processed(play):
    playback = play(exchange(1, TEARDOWN), faults=["TEARDOWN:503@1-2"])
    tries = [playback.answer(request(TEARDOWN), 0.0) for _ in range(4)]
    assert [status(each) for each in tries[:3]] == [503, 503, 202]
    assert reason_of(tries[3]) == "already played"
    assert tries[0].body == b"No leader elected"
    assert playback.journal.served_count == 1
    assert playback.journal.refused_count == 0
    assert [str(each) for each in playback.journal.fault_hits] == [
        "fault TEARDOWN:503@1-2 fired: TEARDOWN: 503 Service Unavailable"
    ] * 2


def test_a_503_has_the_text_of_mesos(play):
    playback = play(exchange(1), faults=["503"])
    date = format_datetime(playback.cassettes[0].header.recorded_at, usegmt=True)
    answer = playback.answer(request(), 0.0)
    assert answer.head + answer.body == (
        b"HTTP/1.1 503 Service Unavailable\r\nDate: %b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 17\r\n\r\nNo leader elected"
        % date.encode()
    )
    assert playback.answer(request(method="HEAD", path="/state"), 0.0).body == b""


def test_an_unavailable_agent_has_its_own_text(play):
    playback = play(exchange(1), server="agent", faults=["503"])
    assert playback.answer(request(), 0.0).body == b"Agent has not finished recovery"


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/api/v1", "/master/api/v1"),
        ("/api/v1/scheduler?x=1", "/master/api/v1/scheduler?x=1"),
        ("/master/api/v1", "/master/api/v1"),
        ("/masters", "/master/masters"),
        ("http://old.example:5050/api/v1", "/master/api/v1"),
    ],
)
def test_a_307_names_the_leader_as_mesos_does(play, target, location):
    playback = play(exchange(1), faults=["307=leader.example:5051"])
    data, _, ending = went_out(playback.answer(request(path=target), 0.0))
    lines = data.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 307 Temporary Redirect"
    assert lines[1].startswith("Date: ")
    assert lines[2:] == [
        f"Location: //leader.example:5051{location}", "Content-Length: 0", "", ""
    ]  # fmt: skip
    assert ending is Ending.RAW_COMPLETE


def test_a_lost_call_may_be_repeated_and_a_lost_answer_may_not(play):
    playback = play(exchange(1, TEARDOWN), faults=["lost-call@1", "lost-answer@2"])
    assert went_out(playback.answer(request(TEARDOWN), 0.0)) == (b"", [], Ending.RESET)
    assert playback.journal.served_count == 0
    assert went_out(playback.answer(request(TEARDOWN), 0.0)) == (b"", [], Ending.RESET)
    assert playback.journal.served_count == 1
    assert reason_of(playback.answer(request(TEARDOWN), 0.0)) == "already played"


def test_an_answer_is_cut(play):
    playback = play(exchange(1, response=answering("it is well")), faults=["cut-answer=4@1"])
    data, _, ending = went_out(playback.answer(request(), 0.0))
    assert data == b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nit i"
    assert ending is Ending.CUT
    assert playback.answer(request(), 0.0).body == b"it is well"


def test_the_seed_decides_where_an_answer_is_cut(play):
    def cut(seed):
        body = "x" * 1000
        playback = play(exchange(1, response=answering(body)), faults=["cut-answer"], seed=seed)
        return [went_out(playback.answer(request(), 0.0))[0] for _ in range(3)]

    assert cut(1) == cut(1)
    assert len(set(cut(1) + cut(2))) == 6


def test_an_answer_may_be_sent_without_its_body(play):
    answer = answering("it is well", Content_Type="text/plain", Content_Encoding="gzip")
    document = exchange(1, response=answer.replace("_", "-"))
    playback = play(document, exchange(2, TEARDOWN), faults=["empty-answer"])
    got = playback.answer(request(Accept_Encoding="gzip"), 0.0)
    assert got.head + got.body == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
    )
    playback.answer(request(TEARDOWN), 0.0)
    assert playback.fault_hit_counts == {"empty-answer": 1}


def test_a_late_answer_is_whole(play):
    playback = play(exchange(1, response=answering("well")), faults=["late=2.5", "late=1"])
    data, dues, ending = went_out(playback.answer(request(), 10.0))
    assert data.endswith(b"\r\n\r\nwell")
    assert (dues, ending) == ([13.5], Ending.RAW_COMPLETE)
    assert playback.fault_hit_counts == {"late=2.5": 1, "late=1": 1}


def test_a_stream_begins_late(play):
    playback = play(*streaming(1), faults=["late=5", "drop@2"], pace=Instant())
    answer = playback.answer(request(SUBSCRIBE), 1.0)
    assert answer.head == b""
    data, dues, ending = went_out(answer)
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert data.endswith(b"\r\n\r\n" + RECORD * 2)
    assert dues == [6.0, 1.0, 1.0]
    assert ending is Ending.FINAL_CHUNK


def test_a_fault_of_an_answer_that_waits_is_reported_when_it_is_sent():
    told, gate = [], Latch("other things")
    damage = AnswerFaults(
        [parse_fault("late=1")], 5.0, lambda _: SeededRandom(""), lambda *what: told.append(what)
    )
    waits, *rest = damage.apply_to_whole_answer(
        ReplayResponse(exchange=1, status=202, head=b"", latches=(gate,))
    ).steps
    assert waits[1].latch is gate
    assert told == []
    assert [at for at, _ in rest] == [6.0, 6.0, 6.0]


def test_a_fault_may_hit_only_some_streams_of_a_call(play):
    faults = ["SUBSCRIBE#2:close@2"]
    playback = play(*streaming(1), faults=faults, pace=Instant(), repeat=["cycle"])
    ends = [went_out(playback.answer(request(SUBSCRIBE), 0.0))[2] for _ in range(3)]
    assert ends == [Ending.FINAL_CHUNK, Ending.CUT, Ending.FINAL_CHUNK]


def test_other_calls_are_neither_hit_nor_counted(play):
    documents = [exchange(1, response=answering("a")), exchange(2, AGENTS, answering("b"))]
    playback = play(*documents, faults=["GET_AGENTS:503@2"])
    asked = [request(), request(AGENTS), request(), request(), request(AGENTS), request(AGENTS)]
    assert [status(playback.answer(each, 0.0)) for each in asked] == [200, 200, 200, 200, 503, 200]


def test_a_fault_may_name_a_path(play):
    document = exchange(1, "", answering("1.12"), method="GET", path="/version")
    playback = play(document, faults=["/version:503@2"])
    asked = request(b"", method="GET", path="/version")
    assert [status(playback.answer(asked, 0.0)) for _ in range(3)] == [200, 503, 200]
    assert str(playback.journal.fault_hits[0]).endswith("fired: /version: 503 Service Unavailable")


def test_a_miss_stays_a_miss(play):
    playback = play(exchange(1), faults=["late=1", "cut-answer"])
    assert reason_of(playback.answer(request(AGENTS), 0.0)) == "nothing recorded for this call"
    assert playback.fault_hit_counts == {"late=1": 0, "cut-answer": 0}


def refused_calls(play, seed, order):
    """Which of 200 calls of each of two kinds are refused, if they come in this order."""
    documents = [exchange(1, response=answering("a")), exchange(2, AGENTS, answering("b"))]
    playback = play(*documents, faults=["503@20%"], seed=seed)
    came = {GET_HEALTH: [], AGENTS: []}
    for body in order:
        came[body].append(status(playback.answer(request(body), 0.0)))
    return came


def test_the_selection_of_calls_does_not_depend_on_other_calls(play):
    one = refused_calls(play, 7, [GET_HEALTH, AGENTS] * 200)
    other = refused_calls(play, 7, [GET_HEALTH] * 200 + [AGENTS] * 200)
    assert one == other
    assert one[GET_HEALTH] != one[AGENTS]
    assert 20 < one[AGENTS].count(503) < 60
    assert refused_calls(play, 8, [GET_HEALTH, AGENTS] * 200) != one


def test_faults_that_never_fired_are_reported(play):
    faults = ["SUBSCRIBE:drop@9", "GET_AGENTS:503", "GET_HEALTH:503@7", "503@1"]
    playback = play(*streaming(1), exchange(2), faults=faults, pace=Instant())
    playback.answer(request(), 0.0)
    went_out(playback.answer(request(SUBSCRIBE), 0.0))
    assert playback.fault_hit_counts == {faults[0]: 0, faults[1]: 0, faults[2]: 0, "503@1": 1}
    assert playback.injection.describe_faults(playback.journal.fault_hit_counts) == [
        "fault SUBSCRIBE:drop@9 never fired: 1 such call was made",
        "fault GET_AGENTS:503 never fired: no such call was made",
        "fault GET_HEALTH:503@7 never fired: 1 such call was made",
        "fault 503@1 fired 1 time",
    ]


def test_the_first_hits_are_reported_and_all_are_counted(play):
    playback, said = play(exchange(1), faults=["503"]), []
    playback.journal.on_note = said.append
    for _ in range(1500):
        playback.answer(request(), 0.0)
    assert len(said) == 20
    assert len(playback.journal.fault_hits) == 1000
    assert playback.injection.describe_faults(playback.journal.fault_hit_counts) == [
        "fault 503 fired 1500 times"
    ]


@pytest.mark.parametrize("whole", [True, False])
def test_the_answer_to_an_input_is_hit_once_whether_it_is_streamed_or_whole(tmp_path, whole):
    path = tmp_path / "cassette.yaml"
    records = [(1.0, names()), (2.0, data(b"one"))]
    path.write_text(sessions.HEADER + "".join(recorded_input(1, records)))
    said = b"".join(recordio.encode(text.encode()) for _, text in records)
    with Cassette.open(path) as cassette:
        faults = ["ATTACH_CONTAINER_INPUT:lost-answer@1", "503@2"]
        playback = Playback(cassette, Options(faults=faults))
        head = begun()
        if whole:
            answer = playback.answer(HttpRequest(head.method, head.target, head.headers, said), 0.0)
        else:
            intake = playback.begin_streamed_request(head)
            assert intake.feed(said, 0.0) is None
            answer = intake.close(0.0)
        assert went_out(answer) == (b"", [], Ending.RESET)
        assert playback.fault_hit_counts == {faults[0]: 1, "503@2": 0}


def test_a_player_keeps_the_hits_of_faults_through_resets(cassette):
    options = Options(pace=Instant(), faults=["503@1", "drop@1", "late=0@9"])
    with Player(cassette, options, strict=False) as player:
        for _ in range(2):
            with connect(player.address) as client:
                client.send(post(GET_HEALTH))
                assert client.message().startswith(b"HTTP/1.1 503 ")
            player.reset()
        hit = "fault 503@1 fired: GET_HEALTH: 503 Service Unavailable"
        assert player.strikes == [hit] * 2
        assert player.problems == [
            "fault drop@1 never fired: no such call was made",
            "fault late=0@9 never fired: no such call was made",
        ]
        receipt = player.receipt()
    assert receipt["faults"] == {"503@1": 2, "drop@1": 0, "late=0@9": 0}
    assert (receipt["seed"], receipt["strikes"]) == (0, [hit] * 2)


# Over sockets, with the command.


@pytest.fixture
def cassette(tmp_path):
    path = tmp_path / "cassette.yaml"
    header = "---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T12:18:29.104233Z\n...\n"
    documents = [*streaming(1), exchange(2, response=answering("well"))]
    path.write_text(header + "".join(documents))
    return path


def subscribed(client):
    """Read the head of a stream."""
    client.send(post(SUBSCRIBE))
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def chunked(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_reset_follows_all_earlier_records(cassette):
    with running("replay", cassette, "--pace", "instant", "--fault", "reset@3") as player:
        with connect(player.address) as client:
            subscribed(client)
            assert client.exactly(len(chunked(RECORD)) * 2) == chunked(RECORD) * 2
            with pytest.raises(ConnectionResetError):
                client.exactly(1)
        player.stop()
    assert "fault reset@3 fired: exchange 1, SUBSCRIBE: record 3: reset before it" in player.said
    assert "fault reset@3 fired 1 time\n" in player.said
    assert "faults with seed 0: reset@3" in player.said
    assert player.code == 0


def test_a_reset_over_tls_is_one_of_the_connection(cassette, tmp_path):
    authority = Authority(tmp_path, "authority")
    cert, key, _ = authority.issue("server", "127.0.0.1")
    tls, fault = ["--tls-cert", cert, "--tls-key", key], ["--fault", "reset@2"]
    with (
        running("replay", cassette, "--pace", "instant", *tls, *fault) as player,
        connect(player.address, authority.client()) as client,
    ):
        subscribed(client)
        assert client.exactly(len(chunked(RECORD))) == chunked(RECORD)
        with pytest.raises(ConnectionResetError):
            client.rest_beneath()


def test_a_close_is_neither_a_reset_nor_a_final_chunk(cassette):
    with (
        running("replay", cassette, "--pace", "instant", "--fault", "close@2") as player,
        connect(player.address) as client,
    ):
        subscribed(client)
        assert client.exactly(len(chunked(RECORD))) == chunked(RECORD)
        with pytest.raises(AssertionError, match="closed after 0 bytes"):
            client.exactly(1)


def test_a_lost_call_is_a_reset_and_the_next_is_answered(cassette):
    with running("replay", cassette, "--fault", "lost-call@1") as player:
        with connect(player.address) as client:
            client.send(post(GET_HEALTH))
            with pytest.raises(ConnectionResetError):
                client.exactly(1)
        with connect(player.address) as client:
            client.send(post(GET_HEALTH))
            assert client.message().endswith(b"well")


def test_a_trickle_arrives_byte_by_byte_and_the_connection_goes_on(cassette):
    faults = ["--fault", "trickle=0@2", "--fault", "GET_HEALTH:late=0.01"]
    with (
        running("replay", cassette, "--pace", "instant", *faults) as player,
        connect(player.address) as client,
    ):
        subscribed(client)
        drops = b"".join(chunked(RECORD[n : n + 1]) for n in range(len(RECORD)))
        body = chunked(RECORD) + drops + chunked(RECORD) + LAST_CHUNK
        assert client.exactly(len(body)) == body
        for _ in range(2):
            client.send(post(GET_HEALTH))
            assert client.message().endswith(b"well")


def test_a_307_without_a_leader_leads_back(cassette):
    with (
        running("replay", cassette, "--fault", "307@1") as player,
        connect(player.address) as client,
    ):
        client.send(post(GET_HEALTH, b"Host: here.example:5050"))
        assert b"\r\nLocation: //here.example:5050/master/api/v1\r\n" in client.message()
        client.send(post(GET_HEALTH, path=b"/master/api/v1"))
        assert client.message().endswith(b"well")


def test_a_fault_that_never_fired_has_its_own_exit_code(cassette):
    with running("replay", cassette, "--fault", "drop@9", "--seed", "3", "--json") as player:
        with connect(player.address) as client:
            client.send(post(GET_HEALTH))
            client.message()
        assert player.stop() == 7
    assert "fault drop@9 never fired: 1 such call was made" in player.said
    counts = json.loads(player.out.splitlines()[-1])
    assert counts["faults"] == {"drop@9": 0}
    assert counts["seed"] == 3


def test_the_error_for_an_invalid_fault_is_one_line(cassette):
    done = run("replay", cassette, "--fault", "rest@3")
    assert done.returncode == 2
    assert (
        done.stderr == "mesotape: --fault rest@3: there is no fault 'rest'; the nearest is reset\n"
    )


def test_the_faults_are_listed():
    done = run("replay", "--list-faults", env={"COLUMNS": "200"})
    assert done.returncode == 0
    for kind in FAULT_KINDS.values():
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"{kind.usage} ")]
        assert kind.client_effect in line
        assert kind.resembles in line
