"""The cassette of another run of the same work: other ids and times, perhaps another encoding."""

import hashlib
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mesotape.cassettes.answers.transcoding import decode_leniently
from mesotape.cassettes.format.bodies import BodyFields, decode_body, encode_body
from mesotape.cassettes.format.documents import Document, End, Event, Exchange, Header, Note
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.matching.recorded_request import recorded_request
from mesotape.cassettes.matching.request_key import parse_request
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api import endpoints
from mesotape.proto.api.negotiation import ENCODINGS
from mesotape.proto.http.headers import header_value
from mesotape.proto.messages import mapping
from mesotape.proto.messages.ids import id_fields

MEDIA_TYPES = {"json": "application/json", "protobuf": "application/x-protobuf"}
FORMATS = {"json": "json", "protobuf": "proto"}
NO_BODY = {"spacing": None, "json": None, "text": None, "proto": None, "base64": None}
NO_BODY |= {"wire": None, "wire_of": None}
TIMES = re.compile(
    rb'("(?:timestamp|start_time|elected_time)":|"(?:start|[a-z_]*time)":{"nanoseconds":)([0-9.]+)'
)

type Change = Callable[[Document, object], object]
"""Gets a document and its message, if any, which it may change; False drops the document."""


class OtherRun:
    """Writes another run. `encoding` is that of all messages; None leaves them as they are."""

    def __init__(self, cassette: Cassette, encoding: str | None, change: Change) -> None:
        self.cassette, self.encoding, self.change = cassette, encoding, change
        self.calls = {}
        self.ids: dict[str | bytes, str | bytes] = {}

    def new_id(self, kind: str, value: str | bytes) -> str | bytes:
        if not value:
            return value
        if value not in self.ids:
            if isinstance(value, bytes):
                self.ids[value] = uuid.UUID(bytes=hashlib.md5(value).digest(), version=4).bytes
            else:
                self.ids[value] = f"{kind}-of-another-run-{len(self.ids)}"
        return self.ids[value]

    def message(self, document: Document, data: bytes, name: str, encoding: str) -> bytes | None:
        """Return a message of the other run; None if the document is to be dropped."""
        message = decode_leniently(data, name, encoding)
        for field in id_fields(message):
            field.set_value(self.new_id(field.kind, field.value))
        if self.change(document, message) is False:
            return None
        text = self.text(mapping.encode(message, include_defaults=False))
        text = TIMES.sub(lambda found: found[1] + b"%d" % (int(float(found[2])) + 1000), text)
        if (self.encoding or encoding) == "json":
            return text
        return mapping.message_from_json_value(msgspec.json.decode(text), name).SerializeToString(
            deterministic=True
        )

    def text(self, text: bytes) -> bytes:
        """Replace the ids in a text."""
        known = {
            old.encode(): new.encode() for old, new in self.ids.items() if isinstance(old, str)
        }
        known = {old: new for old, new in known.items() if len(old) > 8}
        if not known:
            return text
        either = b"|".join(map(re.escape, sorted(known, key=len, reverse=True)))
        either = rb"(?<![\w.-])(?:" + either + rb")(?![\w.-])"
        return re.sub(either, lambda found: known[found[0]], text)

    def body(self, document, body, name, media_type) -> BodyFields | None:
        data = encode_body(body, name)
        encoding = ENCODINGS.get(media_type)
        if not data or name is None or encoding is None or body.malformed:
            changed = self.change(document, None)
            return None if changed is False else decode_body(self.text(data))
        try:
            new = self.message(document, data, name, encoding)
        except ValueError:
            return decode_body(self.text(data))
        return None if new is None else decode_body(new, FORMATS[self.encoding or encoding], name)

    def headers(self, headers):
        types = dict.fromkeys(ENCODINGS, MEDIA_TYPES[self.encoding]) if self.encoding else {}
        return {
            key: types.get(value, value) if isinstance(value, str) else value
            for key, value in headers.items()
            if key.lower() != "content-length"
        }

    def exchange(self, exchange: Exchange) -> Exchange | None:
        request, response = exchange.request, exchange.response
        parsed = parse_request(
            recorded_request(self.cassette, exchange), self.cassette.header.server
        )
        api = endpoints.find_api(request.path, self.cassette.header.server)
        name = None if api is None or not parsed.calls else api.call_message
        self.calls[exchange.exchange] = parsed.call_type, response
        asked = (
            self.body(exchange, request, name, header_value(request.headers, "content-type"))
            if request.stream is None
            else {}
        )
        answers = None
        if parsed.call_type is not None and response.status == 200:
            answers = parsed.call_type.response_message
        answered = {}
        if response.stream is None and asked is not None:
            answered = self.body(
                response, response, answers, header_value(response.headers, "content-type")
            )
        if asked is None or answered is None:
            return None
        headers = {
            k: v
            for k, v in self.headers(response.headers).items()
            if k.lower() != "content-encoding"
        }
        return replace(
            exchange,
            at=exchange.at * 2 + 1,
            client=exchange.client + 100,
            request=replace(request, headers=self.headers(request.headers), **NO_BODY | asked),
            response=replace(response, headers=headers, **NO_BODY | answered),
        )

    def event(self, event: Event) -> Event | None:
        call_type, response = self.calls.get(event.of, (None, None))
        headers = {} if response is None else response.headers
        media_type = header_value(headers, "message-content-type") or header_value(
            headers, "content-type"
        )
        name = None if call_type is None else call_type.record_message
        if event.from_ is not None:
            name = None
        body = self.body(event, event, name, media_type)
        if body is None:
            return None
        return replace(event, at=event.at * 2 + 1, chunks=None, **NO_BODY | body)

    def documents(self):
        for document, _ in self.cassette.documents():
            match document:
                case Header():
                    yield document
                case Exchange():
                    yield self.exchange(document)
                case Event():
                    yield self.event(document)
                case End() | Note():
                    yield replace(document, at=document.at * 2 + 1)


def other_run(
    source: Path,
    target: Path,
    *,
    encoding: str | None = None,
    change: Change = lambda document, message: True,
    order: Callable[[list[Document]], list[Document]] = lambda documents: documents,
) -> Path:
    """Write the cassette of another run; its documents in `order`."""
    with Cassette.open(source) as cassette:
        run = OtherRun(cassette, encoding, change)
        documents = [each for each in run.documents() if each is not None]
        kept = {each.exchange for each in documents if isinstance(each, Exchange)}
        documents = [each for each in documents if not isinstance(each, Event) or each.of in kept]
        documents = [each for each in documents if not isinstance(each, End) or each.end in kept]
    target.write_bytes(b"".join(map(format_document, order(documents))))
    return target
