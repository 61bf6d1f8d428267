"""Examine the documents of a cassette one by one: heads, and bodies as bytes and as messages.

A body that cannot be converted to bytes cannot be played at all. A message that readers refuse can,
if a server or a client really sent it: so it is a finding of its own level. What the recorder has
marked as malformed itself, and a call that the server refused, are no findings.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from ...proto.api import calls, endpoints
from ...proto.api.apis import Api, CallType, ServerKind
from ...proto.api.negotiation import ENCODINGS, Encoding, body_encoding
from ...proto.diagnosis.stream_type import examine_payload
from ...proto.http.headers import header_value
from ...proto.messages import fast_conversion
from ...proto.messages.msgspec_types import msgspec_decoder
from ..format.bodies import BodyError, encode_body
from ..format.documents import Body, Event, Exchange, NodePath, Request, Response, Side
from ..format.heads import request_faults, response_faults, status_fault
from .fault_lines import key_line, member_line, text_line
from .findings import FINDING_KINDS, CassetteFinding
from .message_faults import enum_member, fault_member, unknown_members

_JSON_OFFSET = re.compile(r"(?:(expected '[,:\]}].*))?\(byte (\d+)\)")
_BODILESS_STATUSES = frozenset({204, 304})


class StreamContent(Struct, frozen=True):
    """The message and the encoding of the records of one side of an exchange; None: unknown."""

    message: str | None
    encoding: Encoding | None


class ExchangeContent:
    """The findings of an exchange."""

    def __init__(
        self, exchange: Exchange, server: ServerKind | None, line: int, data: bytes
    ) -> None:
        self._exchange = exchange
        self._line = line
        self._data = data
        api = endpoints.find_api(exchange.request.path, server)
        call_message = None if api is None else api.call_message
        self.findings = list(self._check_heads())
        request, response = exchange.request, exchange.response
        body = self._check_body(request, call_message, "request")
        call_type = _identify_call_type(request, body, api)
        is_accepted = response.status is not None and response.status < 300
        if is_accepted and request.method == "POST" and not request.stream:
            self._check_message(request, body, call_message, "request")
        message = None if call_type is None else call_type.response_message
        body = self._check_body(response, message, "response")
        is_complete = response.status == 200 and response.cause is None and not response.stream
        if is_complete:
            self._check_message(response, body, message, "response")
        record_message = None if call_type is None else call_type.record_message
        if body and call_type is not None and record_message and is_complete:
            text = f"response: the answer to {call_type.name} is not a stream"
            self.findings.append(self._finding("plain-json", text, "response"))

    def _check_body(self, body: Request | Response, message: str | None, side: str) -> bytes:
        name = f"exchange {self._exchange.exchange}: {side}"
        check = BodyCheck(self._data, self._line, name, self._exchange.exchange, (side,))
        self.findings += check.check_encoding(body, body_encoding(body.headers))
        if (data := check.encode(body, message)) is None:
            self.findings += check.findings
            return b""
        return data

    def _check_message(
        self, body: Request | Response, data: bytes, message: str | None, side: str
    ) -> None:
        encoding = ENCODINGS.get(header_value(body.headers, "content-type"))
        name = f"exchange {self._exchange.exchange}: {side}"
        check = BodyCheck(self._data, self._line, name, self._exchange.exchange, (side,))
        if message is not None and encoding is not None:
            self.findings += check.check_message(body, data, message, encoding)

    def _check_heads(self) -> Iterator[CassetteFinding]:
        request, response = self._exchange.request, self._exchange.response
        if request.stream is not None and _has_form(request):
            yield self._finding("two-bodies", "request: is a stream, and has a body", "request")
        if response.stream is not None and _has_form(response):
            yield self._finding("two-bodies", "response: is a stream, and has a body", "response")
        yield from self._check_status(response)
        for fault in (*request_faults(request), *response_faults(response)):
            yield self._finding("head", fault.text, *fault.path)

    def _check_status(self, response: Response) -> Iterator[CassetteFinding]:
        status = response.status
        if status is None:
            if _has_form(response) or response.headers or response.stream is not None:
                yield self._finding("status", "response: has no status", "response")
        elif (fault := status_fault(response)) is not None:
            yield self._finding("status", fault.text, *fault.path)
        elif status in _BODILESS_STATUSES and (_has_form(response) or response.stream is not None):
            text = f"response.status: an answer with {status} has no body"
            yield self._finding("status", text, "response", "status")

    def _finding(self, code: str, text: str, *path: str) -> CassetteFinding:
        number = self._exchange.exchange
        line = self._line - 2 + key_line(self._data, path)
        return CassetteFinding(
            code=code, line=line, text=f"exchange {number}: {text}", exchange=number
        )


class BodyCheck:
    """Examines one body: that of a request, a response or an event.

    `data` is the document, `line` that of its first key, and `path` leads to what has the body.
    """

    def __init__(self, data: bytes, line: int, name: str, exchange: int, path: NodePath) -> None:
        self.findings: list[CassetteFinding] = []
        self._data = data
        self._first_line = line - 1
        self._name = name
        self._exchange = exchange
        self._path = path

    def encode(self, body: Body, message: str | None) -> bytes | None:
        """Return the bytes of the body; None if it has none, which is a finding."""
        if body.omitted is not None:
            text = f"the body was not recorded ({body.omitted})"
            self._add("omitted", text, self._key_line("omitted"))
            return None
        try:
            return encode_body(body, message)
        except BodyError as error:
            self._add("body", str(error), self._body_error_line(body, str(error), message))
            return None

    def check_encoding(self, body: Body, encoding: Encoding | None) -> Iterator[CassetteFinding]:
        """Compare the key of the body with the encoding that its head declares."""
        if encoding == "json" and body.proto is not None:
            yield self._finding("encoding", "proto: the head says JSON", self._key_line("proto"))
        elif encoding == "protobuf" and body.json is not None:
            yield self._finding("encoding", "json: the head says protobuf", self._key_line("json"))

    def check_message(
        self, body: Body, data: bytes, message: str, encoding: Encoding
    ) -> list[CassetteFinding]:
        """Examine the message in the bytes of a body; return what is found."""
        if not data or body.malformed is not None:
            return []
        shown = body.json if body.json is not None else body.proto
        if encoding == "json" and shown is None:
            shown = body.text
        if shown is not None and _is_exact(shown, message):
            return []
        key = next((key for key in ("json", "proto", "text") if getattr(body, key) is not None), "")
        for one in examine_payload(data, message, encoding).diagnostics:
            if one.reason in FINDING_KINDS:
                line = self._key_line(key)
                if shown is not None:
                    member = fault_member(shown, message) or enum_member(one.text)
                    line = self._member_line(key, shown, member)
                self._add(one.reason, one.text, line)
        if shown is not None:
            is_lost = body.proto is not None
            code = "lost-field" if is_lost else "unknown-field"
            for member, text in unknown_members(shown, message, only_misspelt=not is_lost):
                self._add(code, text, self._member_line(key, shown, member))
        return self.findings

    def _body_error_line(self, body: Body, error: str, message: str | None) -> int:
        key = error.partition(":")[0]
        shown = getattr(body, key, None)
        if not isinstance(shown, str):
            return self._key_line(key)
        match = _JSON_OFFSET.search(error)
        if match is None and "truncated" not in error:
            member = () if message is None else fault_member(shown, message)
            return self._member_line(key, shown, member) if member else self._key_line(key)
        offset = len(shown)
        if match is not None:
            offset = len(shown.encode()[: int(match[2])].decode(errors="ignore"))
            if match[1]:  # A mark is missing after what precedes.
                offset = len(shown[:offset].rstrip())
        return self._first_line - 1 + text_line(self._data, (*self._path, key), shown, offset)

    def _member_line(self, key: str, shown: str, member: NodePath) -> int:
        return self._first_line - 1 + member_line(self._data, (*self._path, key), shown, member)

    def _key_line(self, key: str) -> int:
        return self._first_line - 1 + key_line(self._data, (*self._path, key))

    def _finding(self, code: str, text: str, line: int) -> CassetteFinding:
        text = f"{self._name}: {text}"
        return CassetteFinding(code=code, line=line, text=text, exchange=self._exchange)

    def _add(self, code: str, text: str, line: int) -> None:
        self.findings.append(self._finding(code, text, line))


def stream_content(exchange: Exchange, server: ServerKind | None, side: Side) -> StreamContent:
    """Return what the records of one side of an exchange are."""
    request = exchange.request
    api = endpoints.find_api(request.path, server)
    if side == "client":
        message = None if api is None else api.call_message
        return StreamContent(message, body_encoding(request.headers))
    try:
        body = encode_body(request, None if api is None else api.call_message)
    except BodyError:
        body = b""
    call_type = _identify_call_type(request, body, api)
    message = None if call_type is None else call_type.record_message
    return StreamContent(message, body_encoding(exchange.response.headers))


def event_findings(
    event: Event, stream: StreamContent, line: int, data: bytes
) -> list[CassetteFinding]:
    """Return the findings of one record of a stream."""
    name = f"event {event.event} of exchange {event.of}"
    check = BodyCheck(data, line, name, event.of, ())
    check.findings += check.check_encoding(event, stream.encoding)
    payload = check.encode(event, stream.message)
    if payload and event.offset is None and stream.message and stream.encoding:
        check.check_message(event, payload, stream.message, stream.encoding)
    return check.findings


def _identify_call_type(request: Request, body: bytes, api: Api | None) -> CallType | None:
    media_type = header_value(request.headers, "content-type")
    if api is None or media_type is None:
        return None
    return calls.identify_call_type(body, media_type, api)


def _is_exact(shown: str, message: str) -> bool:
    """Return whether JSON is a message of the schema, without anything else: the usual case.

    With the compiled module that opens a cassette of 50 messages in half the time: msgspec's
    decoders take 8 ms of CPU to build for each type.
    """
    try:
        if fast_conversion.native is not None:
            exact = fast_conversion.json_to_message(shown.encode(), message)
            return exact is not None and exact.HasField("type")
        value = msgspec_decoder(message, refuse_unknown_members=True).decode(shown)
    except (ValueError, RecursionError):
        return False
    return value.type is not None


def _has_form(body: Body) -> bool:
    return any(each is not None for each in (body.json, body.text, body.proto, body.base64))
