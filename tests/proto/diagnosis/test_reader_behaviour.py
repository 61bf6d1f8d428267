"""What the strict reader, Mesos's C++ and Mesos's CLI do at a malformed finding."""

import pytest

from mesotape.proto.diagnosis.examiner import Examiner
from mesotape.proto.diagnosis.reader_behaviour import ReaderReactions, reader_reactions

HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'
PAYLOAD = b'{"type":"HEARTBEAT"}'
NO_LENGTH = "fails: this is no length"
CPP_FAILS = "fails permanently, and loses the records before it in the same read"
PYTHON_FAILS = "fails permanently: MesosException"
READS_20 = "reads a record of 20 bytes, and goes on"
EXPECTS_NEXT = "reads {} bytes as the record, and expects a length after them"
SILENT = "drops the rest without an error"
WAITS = "waits for {} bytes, and swallows all that follows"
HUGE = 2**64 - 20


@pytest.mark.parametrize(
    ("data", "strict", "cpp", "python"),
    [
        (b"2O\n" + PAYLOAD, NO_LENGTH, CPP_FAILS, PYTHON_FAILS),
        (b"20\r\n" + PAYLOAD, NO_LENGTH, CPP_FAILS, READS_20),
        (b"+20\n" + PAYLOAD, NO_LENGTH, READS_20, READS_20),
        (
            b"-20\n" + PAYLOAD,
            NO_LENGTH,
            WAITS.format(HUGE),
            "reads an empty record, and goes on after the newline",
        ),
        (b"18\n" + PAYLOAD, *[EXPECTS_NEXT.format(18)] * 3),
        (
            b"99\n" + PAYLOAD[:10],
            "fails: the stream ends after 10 of 99 bytes of a record",
            *[f"waits for 99 bytes: {SILENT}"] * 2,
        ),
        (b"2", "fails: the stream ends inside a length", SILENT, SILENT),
    ],
)
def test_three_readers_react_differently(data: bytes, strict: str, cpp: str, python: str) -> None:
    examiner = Examiner("mesos.v1.master.Event", "json")
    *_, finding = examiner.feed(HEARTBEAT + data) + examiner.close()
    assert reader_reactions(finding) == ReaderReactions(strict, cpp, python)


def test_a_record_that_another_follows_is_not_cut_off() -> None:
    examiner = Examiner("mesos.v1.master.Event", "json")
    _, finding, _ = examiner.feed(HEARTBEAT + b"99\n" + PAYLOAD + HEARTBEAT) + examiner.close()
    reaction = EXPECTS_NEXT.format(99)
    assert reader_reactions(finding) == ReaderReactions(reaction, reaction, reaction)


def test_all_readers_accept_a_valid_record() -> None:
    (finding,) = Examiner("mesos.v1.master.Event", "json").feed(HEARTBEAT)
    assert reader_reactions(finding) is None


@pytest.mark.parametrize(
    ("record", "python"),
    [
        (b"2\n{}", "passes the record to its user, if it is JSON"),
        (b"0\n", "raises the error of its JSON parser, then AssertionError at each call"),
    ],
)
def test_the_content_of_a_record_matters_to_the_parser_of_the_cli(
    record: bytes, python: str
) -> None:
    examiner = Examiner("mesos.v1.master.Event", "json")
    finding, _ = examiner.feed(record + HEARTBEAT) + examiner.close()
    reactions = reader_reactions(finding)
    assert reactions is not None
    assert reactions.strict == "passes on the record, which its user cannot read"
    assert reactions.python == python
