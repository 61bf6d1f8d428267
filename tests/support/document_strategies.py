"""Hypothesis strategies for the documents of a cassette."""

import datetime
from typing import Any, get_args

from hypothesis import strategies as st

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.bodies import BodyFields
from mesotape.cassettes.format.documents import (
    Document,
    End,
    Event,
    Exchange,
    Header,
    Note,
    Request,
    Response,
    Spacing,
)

NASTY = [
    *"\0\x07\b\t\n\r\x1b \"'\\#:-?*&!%@`|>[]{},~=<.",
    *"\x7f\x80\x85\x9f\xa0é\u2028\u2029\ud7ff\ue000\ufeff\ufffd\ufffe\uffff\U0001f4fc\U0010ffff",
    "\n\n", "\r\n", "---", "\n---\n", "...", "\n...\n", "\n  ", "  ", ": ", " #", "- ", "? ", "<<",
    "yes", "null", "1e3", "0x1f", "1_000", "12:30:45", "2026-11-22", "true", "{", '{"a": 1}',
]  # fmt: skip

TEXT = st.lists(st.sampled_from(NASTY) | st.text(max_size=3)).map("".join) | st.text()

LATIN = st.text(st.characters(max_codepoint=255)) | st.sampled_from(NASTY).filter(
    lambda text: text <= "\xff"
)

SECONDS = st.integers(0, 10**12).map(lambda micros: micros / 1e6)

NUMBERS = st.integers(1, 10**15)

STREAM = st.sampled_from([None, "recordio", "chunks"])

HEADERS = st.dictionaries(LATIN, LATIN | st.lists(LATIN, min_size=1), max_size=4)

SPACINGS = st.sampled_from(get_args(Spacing.__value__))

RECORDED_AT = st.datetimes(
    datetime.datetime(2, 1, 1), datetime.datetime(9998, 12, 31), timezones=st.just(datetime.UTC)
)

FROM = st.sampled_from([None, "client"])


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = {}
    form = draw(st.sampled_from(["json", "text", "proto", "base64", ""]))
    if form:
        body[form] = draw(st.binary() if form == "base64" else TEXT)
    if form == "json":
        body |= draw(st.just({}) | st.fixed_dictionaries({"spacing": SPACINGS}))
    if form == "proto":
        body |= draw(st.sampled_from([{}, {"wire": b"\xff", "wire_of": "123456789012"}]))
    return body | draw(st.just({}) | st.fixed_dictionaries({"malformed": TEXT}))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    at = draw(SECONDS)
    match draw(st.sampled_from(["exchange", "event", "end", "note", "header"])):
        case "exchange":
            request = Request(
                method=draw(LATIN),
                path=draw(LATIN),
                version=draw(st.sampled_from(["HTTP/1.1", "HTTP/1.0", "2"])),
                headers=draw(HEADERS),
                stream=draw(STREAM),
                **draw(bodies()),
            )
            response = Response(
                after=draw(SECONDS),
                status=draw(st.none() | st.integers(100, 599)),
                reason=draw(st.none() | LATIN),
                headers=draw(HEADERS),
                stream=draw(STREAM),
                cause=draw(st.sampled_from([None, "server-cut"])),
                **draw(bodies()),
            )
            return Exchange(
                exchange=draw(NUMBERS),
                at=at,
                client=draw(NUMBERS),
                peer=draw(st.none() | TEXT),
                request=request,
                response=response,
            )
        case "event":
            return Event(
                event=draw(NUMBERS),
                of=draw(NUMBERS),
                at=at,
                from_=draw(FROM),
                chunks=draw(st.none() | st.lists(st.tuples(NUMBERS, SECONDS), max_size=3)),
                offset=draw(st.none() | NUMBERS),
                **draw(bodies()),
            )
        case "end":
            return End(end=draw(NUMBERS), at=at, from_=draw(FROM), cause="stopped")
        case "note":
            return Note(note=draw(TEXT), at=at, of=draw(st.none() | NUMBERS))
        case _:
            return Header(
                mesotape=1,
                server=draw(st.sampled_from([None, "master", "agent"])),
                recorded_at=draw(RECORDED_AT),
                upstream=draw(st.none() | TEXT),
                recorder=draw(st.none() | TEXT),
                redaction=draw(st.lists(TEXT, max_size=3)),
            )


def event(form: BodyFields) -> bytes:
    return yaml_writer.format_event(Event(event=7, of=3, at=1.25, **form))
