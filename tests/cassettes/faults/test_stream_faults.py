"""Every fault of records, byte for byte, on streams of a real master in both encodings."""

from itertools import pairwise

import pytest
from msgspec.structs import replace
from support.capture_requests import sent
from support.capture_to_cassette import taped
from support.captures import expected, load

from mesotape.cassettes.answers.answer import Ending, Notify, RawBytes, StreamedResponse
from mesotape.cassettes.answers.gates import Latch, WaitFor
from mesotape.cassettes.answers.pace import Instant, Recorded
from mesotape.cassettes.faults.fault_spec import parse_fault
from mesotape.cassettes.faults.seeded_random import SeededRandom
from mesotape.cassettes.faults.stream_faults import (
    StreamFault,
    number_records,
    strip_record_numbers,
)
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto import recordio
from mesotape.proto.diagnosis.examiner import Examiner

EVENT = "mesos.v1.master.Event"
CAPTURES = ("master-subscribe-json", "master-subscribe-protobuf")


@pytest.fixture(scope="module", params=CAPTURES)
def streamed(request, tmp_path_factory):
    """A cassette with a stream of many events, its request and its records."""
    capture = load(request.param)
    path = taped(capture, tmp_path_factory.mktemp("faults") / "cassette.yaml")
    first = expected(capture)[0]
    with Cassette.open(path) as cassette:
        yield cassette, sent(first.request), [recordio.encode(r) for r in first.response.records]


class Heard:
    """The bytes that a client receives: `pieces` by chunk, the whole `body`, and the `end`."""

    def __init__(self, steps, most=5000):
        self.end, self.pieces, self.waits = None, [], 0
        for (at, step), _ in zip(steps, range(most), strict=False):
            match step:
                case bytes():
                    self.pieces.append((at, step))
                case RawBytes():
                    size, _, data = step.data.partition(b"\r\n")
                    assert data[-2:] == b"\r\n"
                    assert int(size, 16) == len(data) - 2
                    self.pieces.append((at, data[:-2]))
                case Ending():
                    self.end = step
                case Notify():
                    step.callback()
                case WaitFor():
                    self.waits += 1
        self.body = b"".join(piece for _, piece in self.pieces)


def heard(streamed, *faults, seed=0, pace=None):
    cassette, request, _ = streamed
    playback = Playback(cassette, Options(pace=pace or Instant(), faults=faults, seed=seed))
    answer = playback.answer(request, 0.0)
    assert isinstance(answer, StreamedResponse)
    return Heard(answer.steps, 300 if pace else 5000), playback


def inspected(body):
    """The first piece of a stream that is malformed."""
    examiner = Examiner(EVENT, "json" if b"{" in body[:9] else "protobuf")
    found = [*examiner.feed(body), *examiner.close()]
    return next(each for each in found if each.severity == "malformed")


def part(record, size):
    """A record with its first bytes only; the length stays."""
    length, _, payload = record.partition(b"\n")
    return length + b"\n" + payload[:size]


def with_length(record, change):
    length, _, payload = record.partition(b"\n")
    return b"%d\n%b" % (change(int(length)), payload)


CUT, FINAL, RESET = Ending.CUT, Ending.FINAL_CHUNK, Ending.RESET
ALL_OF_IT = object()

EXACT = [
    ("cut-length=1@3", lambda r: [*r[:2], r[2][:1]], CUT),
    ("cut-length=20@3", lambda r: [*r[:2], r[2].partition(b"\n")[0]], CUT),
    ("cut-record=10@3", lambda r: [*r[:2], part(r[2], 10)], CUT),
    ("cut-record=0@3", lambda r: [*r[:2], part(r[2], 0)], CUT),
    ("cut-record=99999@3", lambda r: [*r[:2], r[2][:-1]], CUT),
    ("wrong-length@3", lambda r: [*r[:2], with_length(r[2], lambda n: n + 1), *r[3:]], ALL_OF_IT),
    (
        "wrong-length=-5@3",
        lambda r: [*r[:2], with_length(r[2], lambda n: n - 5), *r[3:]],
        ALL_OF_IT,
    ),
    ("huge-length@3", lambda r: [*r[:2], with_length(r[2], lambda _: 1 << 40), *r[3:]], ALL_OF_IT),
    ("huge-length=77@3", lambda r: [*r[:2], with_length(r[2], lambda _: 77), *r[3:]], ALL_OF_IT),
    ("drop@3", lambda r: r[:2] + r[3:], ALL_OF_IT),
    ("drop@3-5", lambda r: r[:2] + r[5:], ALL_OF_IT),
    ("drop@3+", lambda r: r[:2], ALL_OF_IT),
    ("duplicate@3", lambda r: r[:3] + r[2:], ALL_OF_IT),
    ("reorder@3", lambda r: [*r[:2], r[3], r[2], *r[4:]], ALL_OF_IT),
    ("reorder@1", lambda r: [r[1], r[0], *r[2:]], ALL_OF_IT),
    ("stall=3@3", lambda r: r, ALL_OF_IT),
    ("stall@3", lambda r: r[:2], None),
    ("trickle@3", lambda r: r, ALL_OF_IT),
    ("end@3", lambda r: r[:2], FINAL),
    ("close@3", lambda r: r[:2], CUT),
    ("reset@3", lambda r: r[:2], RESET),
    ("reset@1", lambda r: [], RESET),
    ("garbage=0@3", lambda r: r, ALL_OF_IT),
]


@pytest.mark.parametrize(("fault", "pieces", "end"), EXACT, ids=[each[0] for each in EXACT])
def test_a_fault_sends_exactly_these_bytes(streamed, fault, pieces, end):
    records = streamed[2]
    got, playback = heard(streamed, fault)
    sound, _ = heard(streamed)
    assert sound.body == b"".join(records)
    assert got.body == b"".join(pieces(records))
    assert got.end is (sound.end if end is ALL_OF_IT else end)
    count = playback.fault_hit_counts[fault]
    assert count == {"drop@3+": len(records) - 2, "drop@3-5": 3}.get(fault, 1)
    assert str(playback.journal.fault_hits[0]).startswith(
        f"fault {fault} fired: exchange 1, SUBSCR"
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cut-length=2@3", "truncated-length"),
        ("cut-record=10@3", "truncated-record"),
        ("wrong-length=+3@3", "wrong-length"),
        ("wrong-length=-3@3", "wrong-length"),
        ("huge-length@3", "over-limit"),
        ("garbage@3", "not-digits"),
        ("trickle=0@3", None),
    ],
)
def test_inspection_names_the_damage(streamed, fault, reason):
    got, _ = heard(streamed, fault)
    if reason is None:
        with pytest.raises(StopIteration):
            inspected(got.body)
        return
    bad = inspected(got.body)
    assert (bad.number, bad.offset) == (3, sum(map(len, streamed[2][:2])))
    assert reason in [remark.reason for remark in bad.diagnostics]


def test_garbage_is_no_length_and_precedes_its_record(streamed):
    records = streamed[2]
    got, _ = heard(streamed, "garbage=40@3")
    ahead = b"".join(records[:2])
    assert got.body.startswith(ahead)
    assert got.body[len(ahead) + 40 :] == b"".join(records[2:])
    assert not got.body[len(ahead) :][:1].isdigit()


def test_without_a_value_the_seed_decides_where_a_record_is_cut(streamed):
    lengths = {len(heard(streamed, "cut-record@3", seed=seed)[0].body) for seed in range(20)}
    before, record = sum(map(len, streamed[2][:2])), len(streamed[2][2])
    assert len(lengths) > 10
    assert all(before < length < before + record for length in lengths)
    one, _ = heard(streamed, "cut-length@3", seed=1)
    assert streamed[2][2].startswith(one.pieces[-1][1])
    assert one.pieces[-1][1].isdigit()


RANDOM = ("cut-record@10%", "drop@30%", "garbage@30%", "cut-length@10%", "duplicate@30%")


@pytest.mark.parametrize("fault", RANDOM)
def test_one_seed_gives_the_same_bytes_and_another_gives_others(streamed, fault):
    first, again = heard(streamed, fault, seed=5)[0], heard(streamed, fault, seed=5)[0]
    assert first.pieces == again.pieces
    assert {heard(streamed, fault, seed=seed)[0].body for seed in range(6)} != {first.body}


def test_each_play_of_a_stream_is_damaged_differently_and_equally_in_every_run(streamed):
    cassette, request, _ = streamed

    def plays():
        options = Options(pace=Instant(), faults=["garbage@3"], repeat=["cycle"])
        playback = Playback(cassette, options)
        return [Heard(playback.answer(request, 0.0).steps).body for _ in range(3)]

    first = plays()
    assert len(set(first)) == 3
    assert plays() == first


def test_the_selection_of_records_does_not_depend_on_when_steps_are_taken(streamed):
    """Two streams of one playback, read in turns and one after the other."""
    cassette, request, _ = streamed
    options = Options(pace=Instant(), faults=["drop@40%", "garbage@20%"], repeat=["cycle"])
    playback = Playback(cassette, options)
    one, other = (playback.answer(request, 0.0).steps for _ in range(2))
    bodies = [b"", b""]
    for pair in zip(one, other, strict=False):
        for number, (_, step) in enumerate(pair):
            bodies[number] += step if isinstance(step, bytes) else b""
    playback = Playback(cassette, options)
    whole = [Heard(playback.answer(request, 0.0).steps).body for _ in range(2)]
    assert [w.startswith(b) and len(b) > 500 for w, b in zip(whole, bodies, strict=True)] == [
        True
    ] * 2


def test_a_stall_delays_the_records_after_it_by_no_more_than_needed(streamed):
    sound, _ = heard(streamed, pace=Recorded())
    got, _ = heard(streamed, "stall=0.5@3", pace=Recorded())
    count = len(streamed[2])
    due = [at for at, _ in sound.pieces[:count]]
    assert [at for at, _ in got.pieces[:count]] == [*due[:2], due[2] + 0.5, *due[3:]]
    twice, _ = heard(streamed, "stall=2@3-4")
    assert [at for at, _ in twice.pieces[:4]] == [0.0, 0.0, 2.0, 4.0]


def test_a_trickle_is_a_byte_at_a_time(streamed):
    record = streamed[2][2]
    got, _ = heard(streamed, "trickle=0.25@3")
    drops = got.pieces[2 : 2 + len(record)]
    assert [piece for _, piece in drops] == [record[n : n + 1] for n in range(len(record))]
    assert all(later[0] - one[0] == 0.25 for one, later in pairwise(drops))


def test_heartbeats_stop_and_all_else_goes_on(streamed):
    records = streamed[2]
    beats = [record for record in records if b"HEARTBEAT" in record or len(record) == 4]
    got, playback = heard(streamed, "no-heartbeats")
    assert beats
    assert got.body == b"".join(record for record in records if record not in beats)
    assert playback.fault_hit_counts == {"no-heartbeats": len(beats)}
    late, playback = heard(streamed, "no-heartbeats@3+")
    assert late.body.count(beats[0]) == 1


def test_heartbeats_after_the_last_event_stop_too(tmp_path):
    capture = load("long-idle")
    with Cassette.open(taped(capture, tmp_path / "cassette.yaml")) as cassette:
        request = sent(expected(capture)[0].request)
        playback = Playback(cassette, Options(pace=Recorded(), faults=["no-heartbeats@5+"]))
        steps = playback.answer(request, 0.0).steps
        told, sizes = 0, []
        while told < 50:
            _, step = next(steps)
            told += isinstance(step, Notify)
            sizes += [len(step)] if isinstance(step, bytes) else []
    assert len(sizes) == 4


def damaged(fault, *steps):
    told = []

    def report(effect, record_number=0):
        told.append(effect)

    damage = StreamFault(parse_fault(fault), SeededRandom("0"), report, EVENT)
    return list(strip_record_numbers(damage.apply_to_steps(number_records(steps)))), told


def test_a_held_stream_sends_no_heartbeats_either():
    wait = WaitFor(Latch("a call"), heartbeats=iter([(1.0, b"beat")]))
    (_, (_, held)), told = damaged("no-heartbeats", (0.0, b"1\na"), (0.0, wait))
    assert told == []
    assert list(held.heartbeats) == []
    assert told == ["no heartbeats while the stream is held"]


def test_a_record_is_sent_after_the_next_one_despite_waits_between_them():
    gate = Latch("a call")
    steps, _ = damaged("reorder@1", (0.0, b"1\na"), (1.0, WaitFor(gate)), (1.0, b"1\nb"))
    assert [(at, step) for at, step in steps if isinstance(step, bytes)] == [
        (1.0, b"1\nb"),
        (1.0, b"1\na"),
    ]
    assert isinstance(steps[0][1], WaitFor)


@pytest.mark.parametrize("end", [(), ((1.0, Ending.CUT),)])
def test_the_last_record_is_not_reordered(end):
    steps, told = damaged("reorder@1", (0.0, b"1\na"), *end)
    assert steps == [(0.0, b"1\na"), *end]
    assert told == []


@pytest.mark.parametrize("fault", ["cut-length", "wrong-length", "huge-length"])
def test_bytes_without_a_length_keep_it(fault):
    assert damaged(fault, (0.0, b"\x80oops"), (0.0, Ending.CUT)) == (
        [(0.0, b"\x80oops"), (0.0, Ending.CUT)],
        [],
    )


def test_a_hit_is_reported_when_it_is_sent_and_not_before():
    steps, told = damaged("drop@1", (0.0, b"1\na"), (5.0, b"1\nb"))
    assert told == []
    at, notice = steps[0]
    assert at == 0.0
    notice.callback()
    assert told == ["record 1: left out"]


def test_faults_count_records_as_they_were_recorded(streamed):
    records = streamed[2]
    got, _ = heard(streamed, "drop@2", "duplicate@4", "close@6")
    assert got.body == b"".join([records[0], records[2], records[3], records[3], records[4]])


def test_a_transcoded_stream_is_damaged_in_the_encoding_that_is_sent(streamed):
    cassette, request, records = streamed
    other = "application/json" if records[0][-1:] != b"}" else "application/x-protobuf"
    fields = tuple((n, v) for n, v in request.headers if n.lower() != b"accept")
    asked = replace(request, headers=(*fields, (b"Accept", other.encode())))
    sound = Playback(cassette, Options(pace=Instant())).answer(asked, 0.0)
    whole = Heard(sound.steps)
    playback = Playback(cassette, Options(pace=Instant(), faults=["wrong-length=+2@2"]))
    got = Heard(playback.answer(asked, 0.0).steps)
    second = whole.pieces[1][1]
    assert second != records[1]
    assert got.pieces[1][1] == with_length(second, lambda n: n + 2)
