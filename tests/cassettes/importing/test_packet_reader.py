import contextlib
import io
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.capture_to_cassette import taped
from support.captures import load, names_for_formats
from support.imported_files import documents
from support.packet_captures import (
    COOKED,
    COOKED_2,
    LOOP,
    NULL,
    RAW,
    SYN,
    Talk,
    Tcp,
    link,
    packets_of,
    pcap,
    pcapng,
    segments_of,
)
from support.paths import DATA

from mesotape.cassettes.format.documents import Document, Event, Exchange
from mesotape.cassettes.importing.new_cassette import write_cassette
from mesotape.cassettes.importing.packet_reader import read_packet_capture
from mesotape.cassettes.importing.raw_reader import RawHints
from mesotape.cassettes.importing.traffic import ForeignFileError, Origins
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import NO_RULES
from mesotape.cassettes.storage.reader import Cassette

FILES = DATA / "packets"

type Told = tuple[Path, list[str]]


def imported(data: bytes, folder: Path, upstream: str | None = None) -> Told:
    losses, output = Losses(), folder / "imported.yaml"
    traffic = read_packet_capture(io.BytesIO(data), RawHints(), Origins(upstream), losses)
    write_cassette(output, traffic, None, Redactor(NO_RULES), 1 << 24)
    return output, [str(loss) for loss in losses]


COARSE = {
    "agent-errors": "a body after the answer to HEAD",
    "agent-session": "requests in chunks, which the comparison has as one",
    "master-errors": "broken requests, which the comparison has as exchanges",
    "master-mixed": "a head in pieces of 9 bytes, which the comparison does not join",
}


def contents(path: Path) -> list[bytes]:
    """The documents without the header; the numbers of clients count other connections, too."""
    found = documents(path)
    kept = [each for each in found if not each.startswith(b"---\nmesotape")]
    return [re.sub(rb"\nclient: \d+", b"", each) for each in kept]


@pytest.mark.parametrize("name", sorted({*names_for_formats()} - COARSE.keys()))
def test_a_capture_in_packets_is_the_recording(name: str, tmp_path: Path) -> None:
    capture = load(name)
    path, losses = imported(pcap(packets_of(segments_of(capture))), tmp_path)
    assert losses == []
    assert contents(path) == contents(taped(capture, tmp_path / "old.yaml"))


def test_what_tcpdump_captured_is_what_record_wrote(tmp_path: Path) -> None:
    """The traffic between a client and the recorder, captured on the loopback interface."""
    path, losses = imported((FILES / "loopback.pcap").read_bytes(), tmp_path)
    assert losses == []
    shown = re.compile(rb"\n *(?:at|after|Host): .*")
    found, recorded = (
        [shown.sub(b"", each) for each in contents(file)]
        for file in (path, FILES / "recorded.yaml")
    )
    assert sorted(found) == sorted(recorded)
    with Cassette.open(path) as new, Cassette.open(FILES / "recorded.yaml") as old:
        assert [*map(order, new.documents())] == [*map(order, old.documents())]
        for mine, theirs in zip(new.events(1), old.events(1), strict=True):
            assert (mine.at - new.exchange(1).at) == pytest.approx(
                theirs.at - old.exchange(1).at, abs=0.2
            )


def order(found: tuple[Document, object]) -> tuple[object, ...]:
    match found[0]:
        case Exchange() as exchange:
            return "exchange", exchange.exchange
        case Event() as event:
            return "event", event.of, event.event
        case other:
            return (type(other).__name__,)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
SUBSCRIBE = (
    b"POST /api/v1 HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\n"
    b'Content-Length: 20\r\n\r\n{"type":"SUBSCRIBE"}'
)
BODY = b"".join(
    b"%x\r\n%b\r\n" % (len(record), record)
    for record in (b'25\n{"type":"A","n":"%06d"}' % number for number in range(40))
)


def conversation(most: int = 50, start: int = (1 << 32) - 300) -> list[Tcp]:
    talk = Talk(most=most, start=start).open(0.1).send(0.2, True, SUBSCRIBE)
    talk.send(0.3, False, HEAD).send(0.4, False, BODY).send(0.5, False, b"0\r\n\r\n")
    return talk.close(0.6, True).close(0.6, False).segments


def events_of(path: Path) -> list[str]:
    with Cassette.open(path) as cassette:
        return [event.json or "malformed" for event in cassette.events(1)]


@pytest.mark.parametrize("seed", range(12))
def test_segments_that_come_twice_or_late_or_overlap_change_nothing(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    plain = conversation(most=chance.choice([7, 50, 1448]))
    mixed = list(plain)
    for _ in range(20):
        place = chance.randrange(3, len(mixed) - 6)
        one, next_one = mixed[place], mixed[place + 1]
        match chance.randrange(3):
            case 0:
                mixed.insert(chance.randrange(place, len(mixed)), one)
            case 1 if one.from_client == next_one.from_client:
                mixed[place : place + 2] = [next_one, one]
            case _ if len(one.data) > 1:  # The second half again, before the next one.
                half = len(one.data) // 2
                again = one._replace(sequence=one.sequence + half, data=one.data[half:])
                mixed.insert(place + 1, again)
            case _:
                pass
    mixed = [each._replace(at=0.1 + number / 1e3) for number, each in enumerate(mixed)]
    path, losses = imported(pcap(packets_of(mixed)), tmp_path)
    assert losses == []
    assert len(events_of(path)) == 40
    expected, _ = imported(pcap(packets_of(plain)), tmp_path)
    assert events_of(path) == events_of(expected)


def test_a_segment_before_the_one_it_follows_is_put_in_order(tmp_path: Path) -> None:
    """As a network may do it: the acknowledgement comes when all are there."""
    segments = [each for each in conversation(most=40) if each.from_client or each.data]
    data = [each for each in segments if not each.from_client and each.at == 0.4]
    rest = [each for each in segments if (each not in data and each.data) or each.flags & SYN]
    mixed = [*rest[:-1], *reversed(data), rest[-1]]
    mixed = [each._replace(at=0.1 + number / 1e3) for number, each in enumerate(mixed)]
    path, losses = imported(pcap(packets_of(mixed)), tmp_path)
    assert losses == []
    assert len(events_of(path)) == 40


@pytest.mark.parametrize("most", [13, 47, 300])
def test_a_lost_segment_is_told_and_the_stream_goes_on(most: int, tmp_path: Path) -> None:
    segments = conversation(most=most)
    data = [each for each in segments if not each.from_client and each.at == 0.4]
    lost = data[len(data) // 2]
    segments.remove(lost)
    path, losses = imported(pcap(packets_of(segments)), tmp_path)
    assert losses == [f"{len(lost.data)} bytes were sent, and not captured"]
    found = events_of(path)
    assert [each for each in found if '"n": "000000"' in each or '"n": "000039"' in each] == [
        found[0],
        found[-1],
    ]
    with Cassette.open(path) as cassette:
        (note,) = cassette.notes()
        assert "of the server were lost: they are not in the packet capture" in note.note
        assert cassette.stream_end(1) is not None


def test_a_snapshot_length_is_told(tmp_path: Path) -> None:
    data = pcap(packets_of(conversation(most=300)), snapshot=150)
    _, losses = imported(data, tmp_path)
    assert any("cut off by the snapshot length (tcpdump -s)" in each for each in losses)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (lambda talk: talk.close(0.6, True).close(0.7, False), "client"),
        (lambda talk: talk.close(0.6, False).close(0.7, True), "server-cut"),
        (lambda talk: talk.reset(0.6, True), "client"),
        (lambda talk: talk.reset(0.6, False), "server-cut"),
        (lambda _: None, "stopped"),
        (lambda talk: talk.send(0.6, False, b"0\r\n\r\n").close(0.7, True), "server"),
    ],
)
def test_the_cause_of_an_end(end: Callable[[Talk], object], cause: str, tmp_path: Path) -> None:
    talk = Talk().open(0.1).send(0.2, True, SUBSCRIBE).send(0.3, False, HEAD + BODY)
    end(talk)
    path, _ = imported(pcap(packets_of(talk.segments)), tmp_path)
    with Cassette.open(path) as cassette:
        found = cassette.stream_end(1)
        assert found is not None
        assert found.cause == cause
        assert cassette.exchange(1).peer == "127.0.0.1:40000"


def _vlan(segments: list[Tcp]) -> bytes:
    return pcap(packets_of(segments, vlans=2))


def _moved(segments: list[Tcp]) -> bytes:
    ends = ("fd00::1", 40000), ("fd00::2", 5050)
    moved = [each._replace(client=ends[0], server=ends[1]) for each in segments]
    return pcapng(packets_of(moved, COOKED_2), COOKED_2, ">")


FORMATS: dict[str, Callable[[list[Tcp]], bytes]] = {
    "big-endian": lambda found: pcap(packets_of(found), order=">"),
    "null": lambda found: pcap(packets_of(found, NULL), NULL),
    "loop": lambda found: pcap(packets_of(found, LOOP), LOOP),
    "raw": lambda found: pcap(packets_of(found, RAW), RAW),
    "cooked": lambda found: pcap(packets_of(found, COOKED), COOKED),
    "cooked-2": lambda found: pcap(packets_of(found, COOKED_2), COOKED_2),
    "vlan": _vlan,
    "pcapng": lambda found: pcapng(packets_of(found)),
    "ipv6": _moved,
}


@pytest.mark.parametrize("form", FORMATS)
def test_formats_and_links(form: str, tmp_path: Path) -> None:
    path, losses = imported(FORMATS[form](conversation()), tmp_path)
    assert losses == []
    assert len(events_of(path)) == 40


def test_a_capture_that_begins_in_a_stream(tmp_path: Path) -> None:
    segments = [each for each in conversation() if each.at == 0.4][9:]
    path, losses = imported(pcap(packets_of(segments)), tmp_path)
    with Cassette.open(path) as cassette:
        assert cassette.exchange(1).peer == "127.0.0.1:40000"
    assert len(events_of(path)) > 20
    assert any("made up as POST /api/v1" in each for each in losses)
    assert any("was open when the capture began" in each for each in losses)


def test_two_connections_of_the_same_ports(tmp_path: Path) -> None:
    first, second = conversation(), conversation(start=5000)
    later = [each._replace(at=each.at + 1) for each in second]
    path, losses = imported(pcap(packets_of([*first, *later])), tmp_path)
    assert losses == []
    with Cassette.open(path) as cassette:
        assert [len([*cassette.events(number)]) for number in (1, 2)] == [40, 40]


def test_other_protocols_are_told(tmp_path: Path) -> None:
    talks = [
        Talk(("127.0.0.1", 41000 + number)).open(0.1).send(0.2, True, data).segments
        for number, data in enumerate([b"\x16\x03\x01\2\0", b"PRI * HTTP/2.0\r\n\r\n", b"\0\1"])
    ]
    others = [each for talk in talks for each in talk]
    kinds = "1 of TLS, 1 of HTTP/2, 1 of another protocol"
    _, losses = imported(pcap(packets_of([*conversation(), *others])), tmp_path)
    assert losses == [f"connections that are not HTTP/1.1 are left out: {kinds}"]
    with pytest.raises(ForeignFileError, match=rf"has no HTTP/1.1: found TCP connections {kinds}"):
        imported(pcap(packets_of(others)), tmp_path)


def test_a_fragment_is_told(tmp_path: Path) -> None:
    packets = [*packets_of(conversation()), (0.9, link(conversation()[0].ip(fragment=0x2000)))]
    _, losses = imported(pcap(packets), tmp_path)
    assert losses == ["1 packet was left out: IP fragments"]


def test_a_file_that_is_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    for data in (pcap(packets_of(conversation())), pcapng(packets_of(conversation()))):
        for size in range(len(data) - 400, len(data), 7):
            _, losses = imported(data[:size], tmp_path)
            assert all("the file ends inside packet" in loss for loss in losses)
        assert losses


@pytest.mark.parametrize("seed", range(40))
def test_garbage_is_an_error_or_is_imported(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    data = bytearray(chance.choice([pcap, pcapng])(packets_of(conversation())))
    for _ in range(chance.randrange(1, 40)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    with contextlib.suppress(ForeignFileError):
        imported(bytes(data), tmp_path)


def test_one_of_several_servers(tmp_path: Path) -> None:
    other = [
        each._replace(server=("127.0.0.1", 5051), client=("127.0.0.1", 4))
        for each in conversation()
    ]
    data = pcap(packets_of([*other, *conversation()]))
    path, _ = imported(data, tmp_path, "http://127.0.0.1:5050")
    with Cassette.open(path) as cassette:
        assert [each.peer for each in cassette.exchanges()] == ["127.0.0.1:40000"]
