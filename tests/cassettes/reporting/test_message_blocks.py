"""The messages of a report, and how a page gives them back."""

import base64
import io
import json
import re
import zlib

import pytest

from mesotape.cassettes.reporting.message_blocks import MessageBlocks, show_message

EVENT = "mesos.v1.scheduler.Event"
JSON = b'{"type":"RESCIND","rescind":{"offer_id":{"value":"o1"}}}'
PROTOBUF = bytes.fromhex("080322060a040a026f31")
UNPACKED = re.compile(rb'<script type="text/plain" class="block">(.*)</script>')


@pytest.mark.parametrize(
    ("body", "name", "wire", "has_json", "has_protobuf"),
    [
        (JSON, EVENT, "JSON", True, True),
        (PROTOBUF, EVENT, "protobuf", True, True),
        (JSON, None, "JSON", True, False),
        (b'{"type":"RESC', EVENT, "text", False, False),
        (b"404 Not Found", None, "text", False, False),
        (b"\xff\x00", EVENT, "bytes", False, False),
        (b"[" * 5000, EVENT, "text", False, False),
    ],
)
def test_a_body_is_shown_in_the_encodings_that_it_has(
    body: bytes, name: str | None, wire: str, has_json: bool, has_protobuf: bool
) -> None:
    shown = show_message(body, name)
    assert (shown.wire, shown.size) == (wire, len(body))
    assert (shown.json is not None, shown.protobuf is not None) == (has_json, has_protobuf)
    assert (shown.text is None) == (wire in ("JSON", "protobuf"))


def test_both_encodings_are_of_the_same_message() -> None:
    of_json, of_protobuf = show_message(JSON, EVENT), show_message(PROTOBUF, EVENT)
    assert of_json.protobuf == of_protobuf.protobuf == PROTOBUF
    assert of_json.json == of_protobuf.json


def test_a_long_message_is_cut() -> None:
    body = json.dumps({"type": "x" * 200_000}).encode()
    shown = show_message(body, None)
    assert shown.json is not None
    assert (len(shown.json), shown.json_size) == (1 << 16, len(body) + 4)


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_a_long_message_is_cut_between_characters(before: str) -> None:
    text = before + "\N{GRINNING FACE}" * 20_000
    shown = show_message(text.encode(), None)
    assert shown.wire == "text"
    assert shown.text is not None
    assert text.startswith(shown.text)
    assert 0 <= (1 << 16) - len(shown.text.encode()) < 4
    as_json = show_message(json.dumps(text, ensure_ascii=False).join("[]").encode(), None).json
    assert as_json is not None
    assert text.startswith(as_json.partition('"')[2])


def test_a_page_has_every_message_until_its_room_is_used() -> None:
    page = io.BytesIO()
    blocks = MessageBlocks(page, max_packed_bytes=30_000)
    added = [blocks.add(b"%d %s" % (n, b"x" * 5000), None) for n in range(2000)]
    blocks.flush()
    kept = [number for number in added if number]
    assert kept == list(range(1, len(kept) + 1))
    assert 100 < len(kept) < 2000
    assert blocks.left_out == 2000 - len(kept)
    assert blocks.add(b"", None) == 0
    messages = [
        message
        for packed in UNPACKED.findall(page.getvalue())
        for message in json.loads(zlib.decompress(base64.b64decode(packed)))
    ]
    assert [each["text"].split()[0] for each in messages] == [str(n) for n in range(len(kept))]
    assert len(blocks.first_numbers) == len(UNPACKED.findall(page.getvalue()))
