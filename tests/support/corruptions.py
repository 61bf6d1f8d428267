"""Makes the corpus of damaged streams: `python tests/support/corruptions.py`.

Each case is a real stream, cut down to a few records, with one seeded damage whose place and reason
are known by how it was made, and never by asking what it is to test.

    {"name": "sign/master-json", "message": …, "encoding": …, "data": base64,
     "number": 3, "offset": 118, "size": 24, "reason": "sign", "resumes": 142, "left": 4}

`left` sound records follow from `resumes` on, and their payloads have the CRC `crc`.
"""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.recordio import encode
from support.captures.capture import expected, load
from support.paths import DATA

CORPUS = DATA / "corrupt" / "corpus.json.gz"
SEED = 5
LARGEST = 6000

STREAMS = (
    ("master-json", "master-subscribe-json", "mesos.v1.master.Event", "json"),
    ("master-protobuf", "master-subscribe-protobuf", "mesos.v1.master.Event", "protobuf"),
    ("scheduler-json", "scheduler-json-pymesos", "mesos.v1.scheduler.Event", "json"),
    ("scheduler-protobuf", "scheduler-protobuf-execute", "mesos.v1.scheduler.Event", "protobuf"),
)


class Stream(NamedTuple):
    name: str
    message: str
    encoding: str
    payloads: list[bytes]


class Damage(NamedTuple):
    """The bytes written instead of a record, and the finding that is expected."""

    data: bytes
    reason: str
    size: int | None = None
    at: int = 0
    number: int = 0
    keeps: bool = False
    ends: bool = False


type Maker = Callable[[Stream, bytes, random.Random], Damage | None]


def streams() -> Iterator[Stream]:
    for name, capture, message, encoding in STREAMS:
        best = max(
            (one.response.records for one in expected(load(capture)) if one.response),
            key=len,
        )
        payloads = [one for one in best if len(one) <= LARGEST][:7]
        assert len(payloads) >= 5, (name, len(payloads))
        yield Stream(name, message, encoding, payloads)


def line(form: str) -> Maker:
    """Another line instead of the length; the record after it is lost with it."""

    def make(stream: Stream, payload: bytes, _: random.Random) -> Damage:
        text = form.format(n=len(payload), x=f"{len(payload):x}").encode()
        reason = REASON_OF[form]
        return Damage(text + b"\n" + payload, reason)

    return make


REASON_OF = {
    "+{n}": "sign",
    "-{n}": "sign",
    " {n}": "blank",
    "{n} ": "blank",
    "\t{n}": "blank",
    "{n}\r": "crlf",
    "0x{x}": "hex",
    "0X{x}": "hex",
    "18446744073709551616": "overflow",
    "999999999999999999999999999999": "overflow",
    "18446744073709551615": "over-limit",
    "{n}000000000": "over-limit",
    "{n}.0": "not-digits",
    "1e1": "not-digits",
    "{n},0": "not-digits",
    "{n}x": "not-digits",
    "{n}\0": "not-digits",
    "\u0665": "not-digits",
}


def wrong(by: Callable[[int], int]) -> Maker:
    def make(stream: Stream, payload: bytes, _: random.Random) -> Damage | None:
        length = by(len(payload))
        return Damage(b"%d\n%b" % (length, payload), "wrong-length") if length >= 0 else None

    return make


def inserted(data: bytes, reason: str) -> Maker:
    """Bytes before a sound record, which is kept."""
    return lambda stream, payload, _: Damage(
        data + encode(payload), reason, size=len(data), keeps=True
    )


def missing_length(stream: Stream, payload: bytes, _: random.Random) -> Damage | None:
    return Damage(payload, "missing-length") if stream.encoding == "json" else None


def cut_in_the_middle(stream: Stream, payload: bytes, dice: random.Random) -> Damage:
    whole = encode(payload)
    lost = dice.randrange(1, 4) if stream.encoding == "json" else 1
    return Damage(whole[:-lost], "truncated-record")


def cut_at_the_end(stream: Stream, payload: bytes, dice: random.Random) -> Damage:
    whole = encode(payload)
    kept = dice.randrange(whole.index(b"\n") + 1, len(whole) - 1)
    return Damage(whole[:kept], "truncated-record", ends=True)


def cut_in_a_length(stream: Stream, payload: bytes, _: random.Random) -> Damage:
    return Damage(b"%d" % len(payload), "truncated-length", ends=True)


def replaced(reason: str, change: Callable[[Stream, bytes, random.Random], bytes | None]) -> Maker:
    """Another payload in a sound frame."""

    def make(stream: Stream, payload: bytes, dice: random.Random) -> Damage | None:
        changed = change(stream, payload, dice)
        return None if changed is None else Damage(encode(changed), reason)

    return make


def quote_lost(stream: Stream, payload: bytes, dice: random.Random) -> bytes | None:
    if stream.encoding != "json":
        return None
    places = [at for at, byte in enumerate(payload) if byte == ord('"')]
    at = dice.choice(places)
    return payload[:at] + b"'" + payload[at + 1 :]


def bad_text(stream: Stream, payload: bytes, dice: random.Random) -> bytes | None:
    if stream.encoding != "json":
        return None
    at = payload.index(b"TYPE") if b"TYPE" in payload else payload.index(b'"type"') + 2
    return payload[:at] + dice.choice([b"\xff", b"\xc3", b"\xed\xa0\x80"]) + payload[at:]


def other_type(stream: Stream, payload: bytes, _: random.Random) -> bytes:
    """The field of a body that is no message."""
    if stream.encoding == "json":
        return b'{"type":"FAILURE","failure":1,"agent_added":1}'
    return b"\x08\x02\x1a\x05ab"


def required_lost(stream: Stream, payload: bytes, _: random.Random) -> bytes:
    name = "task_added" if "master" in stream.message else "update"
    text: dict[str, Any] = {"type": name.upper(), name: {}}
    if stream.encoding == "json":
        return json.dumps(text, separators=(",", ":")).encode()
    message = message_class(stream.message)()
    message.type = message.Type.Value(name.upper())  # pyright: ignore
    getattr(message, name).SetInParent()
    return message.SerializePartialToString()


def unknown_name(stream: Stream, payload: bytes, _: random.Random) -> bytes:
    return b'{"type":"SOLVED"}' if stream.encoding == "json" else b"\x08\x63"


def without_type(stream: Stream, payload: bytes, _: random.Random) -> bytes:
    return b'{"agent":1}' if stream.encoding == "json" else b"\xfa\x06\x01a"


def of_another_server(stream: Stream, payload: bytes, _: random.Random) -> bytes:
    other = "mesos.v1.agent.ProcessIO"
    if stream.encoding == "json":
        return b'{"type":"DATA","data":{"type":"STDOUT","data":"aGk="}}'
    message = message_class(other)()
    message.type = message.DATA  # pyright: ignore
    message.data.type = message.data.STDOUT  # pyright: ignore
    message.data.data = b"hi"  # pyright: ignore
    return message.SerializeToString()


def a_list(stream: Stream, payload: bytes, _: random.Random) -> bytes | None:
    return b'[{"type":"HEARTBEAT"}]' if stream.encoding == "json" else None


def other_encoding(stream: Stream, payload: bytes, _: random.Random) -> bytes | None:
    return b'{"type":"HEARTBEAT"}' if stream.encoding == "protobuf" else None


HTTP_ANSWER = (
    b"HTTP/1.1 500 Internal Server Error\r\nDate: Sun, 22 Nov 2026 12:18:29 GMT\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n\r\nDisconnected"
)

MAKERS: dict[str, Maker] = {
    **{f"{reason} {form!a}": line(form) for form, reason in REASON_OF.items()},
    "empty-length": inserted(b"\n", "empty-length"),
    "keep-alive": inserted(b"\r\n", "not-digits"),
    "garbage": inserted(b"\x00\x01garbage", "not-digits"),
    "http-answer": inserted(HTTP_ANSWER, "http-answer"),
    "empty-record": inserted(b"0\n", "empty-record"),
    "missing-length": missing_length,
    "wrong-length +1": wrong(lambda length: length + 1),
    "wrong-length -1": wrong(lambda length: length - 1),
    "wrong-length x10": wrong(lambda length: length * 10),
    "wrong-length half": wrong(lambda length: length // 2 if length > 100 else -1),
    "wrong-length 0": wrong(lambda length: 0),
    "truncated-record": cut_in_the_middle,
    "truncated-record at the end": cut_at_the_end,
    "truncated-length": cut_in_a_length,
    "leading-zeros": lambda stream, payload, _: Damage(
        b"00%d\n%b" % (len(payload), payload), "leading-zeros"
    ),
    "not-json": replaced("not-json", quote_lost),
    "not-utf8": replaced("not-utf8", bad_text),
    "not-message": replaced("not-message", other_type),
    "not-message list": replaced("not-message", a_list),
    "not-message json": replaced("not-message", other_encoding),
    "missing-field": replaced("missing-field", required_lost),
    "unknown-enum": replaced("unknown-enum", unknown_name),
    "no-type": replaced("no-type", without_type),
    "wrong-server": replaced("wrong-server", of_another_server),
}


def cases() -> Iterator[dict[str, Any]]:
    for stream in streams():
        for name, make in MAKERS.items():
            dice = random.Random(f"{SEED} {name} {stream.name}")
            place = dice.randrange(1, len(stream.payloads) - 1)
            damage = make(stream, stream.payloads[place], dice)
            if damage is not None:
                yield case(f"{name}/{stream.name}", stream, place, damage)
        yield whole_body(stream)


def case(name: str, stream: Stream, place: int, damage: Damage) -> dict[str, Any]:
    before = b"".join(map(encode, stream.payloads[:place]))
    after = [] if damage.ends else stream.payloads[place + 1 :]
    data = before + damage.data + b"".join(map(encode, after))
    size = len(damage.data) if damage.size is None else damage.size
    left = [stream.payloads[place], *after] if damage.keeps else after
    return {
        "name": name,
        "message": stream.message,
        "encoding": stream.encoding,
        "data": base64.b64encode(data).decode(),
        "number": place + 1,
        "offset": len(before),
        "size": size,
        "reason": damage.reason,
        "resumes": len(before) + size,
        "left": len(left),
        "crc": zlib.crc32(b"".join(left)),
    }


def whole_body(stream: Stream) -> dict[str, Any]:
    """A body that is no stream: plain JSON, or all of it compressed."""
    if stream.encoding == "json":
        data, reason = stream.payloads[1], "plain-json"
    else:
        data, reason = gzip.compress(b"".join(map(encode, stream.payloads)), mtime=0), "gzip"
    return {
        "name": f"{reason}/{stream.name}",
        "message": stream.message,
        "encoding": stream.encoding,
        "data": base64.b64encode(data).decode(),
        "number": 1,
        "offset": 0,
        "size": len(data),
        "reason": reason,
        "resumes": len(data),
        "left": 0,
        "crc": 0,
    }


def main() -> None:
    found = list(cases())
    CORPUS.parent.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1).encode()
    CORPUS.write_bytes(gzip.compress(text, mtime=0))
    print(f"{len(found)} cases, {CORPUS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
