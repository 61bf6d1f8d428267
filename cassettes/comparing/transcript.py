"""What is compared of a recording, read in one pass and kept in tables.

An exchange has a request, an answer, and the events of its stream. Each of them is a message with
a label, a digest and ids (message_forms.py); its contents stay in the file, and are read again if
they differ.
"""

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence

from google.protobuf.message import Message
from msgspec.structs import replace

from ...proto.api.apis import CallType
from ...proto.api.negotiation import Encoding, body_encoding
from ...proto.messages.defaults import without_defaults
from ..answers.records import is_heartbeat_message
from ..answers.transcoding import decode_leniently
from ..format.documents import Document, End, Event, Exchange
from ..matching.ignore_rules import IgnoreRules
from ..matching.recorded_request import recorded_request, response_message_name
from ..matching.request_key import ParsedRequest, parse_request
from ..storage.reader import Cassette, DocumentSource
from ..storage.recorded_bodies import encode_event, encode_response
from .container_output import ContainerOutput, output_of
from .differences import Place
from .id_table import IdTable
from .known_forms import (
    EVENT_HEAD,
    EXCHANGE_HEAD,
    SURROUNDING,
    DividedText,
    KnownForms,
    divide,
    divide_exchange,
    with_scope,
)
from .message_forms import MessageForm, content_form, drop_times, first_framework, request_form
from .tables import (
    CallFacts,
    CallFrame,
    CallTable,
    MessageTable,
    RecordedCall,
    RecordedStream,
    call_facts,
)


class Transcript:
    """The calls of a cassette, in the order in which they began.

    `name` is what stands for the file in places; None: its path. With `numbers`, only these
    exchanges are read. `known` may be shared by transcripts with the same `ignoring`.
    """

    def __init__(
        self,
        cassette: Cassette,
        ignoring: IgnoreRules,
        known: KnownForms[CallFrame | None],
        name: str | None = None,
        numbers: Container[int] | None = None,
    ) -> None:
        self.cassette = cassette
        self._name = name
        self._numbers = numbers
        self._known = known
        self._files: list[tuple[int, str]] = []
        self.ids = IdTable()
        self.messages = MessageTable(self.ids)
        self.calls = CallTable()
        self._ignoring = ignoring
        self._streams: dict[int, RecordedStream] = {}

    def read(self) -> Iterator[int]:
        """Read the cassette; after each document, yield how many bytes are read.

        Raises CassetteError.
        """
        for source in self.cassette.sources():
            path = str(source.path)
            if not self._files or self._files[-1][1] != path:
                self._files.append((source.number, path))
            self._add(source)
            yield self.cassette.span(source.number)[1]
        self.calls.sort()
        self._streams.clear()

    def _add(self, source: DocumentSource) -> None:
        data = self.cassette.read_document_bytes(source.number)
        text: DividedText | None = None
        if (match := EVENT_HEAD.match(data)) and not match[4]:
            stream = self._streams.get(int(match[2]))
            if stream is None:
                return
            if (context := stream.context) is not None:
                text = divide(data[match.end() :], context)
            if text is not None and (known := self._known.find(text, stream.scope)) is not None:
                for form in known[0]:
                    self._add_to_stream(stream, form, int(match[1]), source)
                return
        elif (match := EXCHANGE_HEAD.match(data)) and self._numbers is None:
            text = divide_exchange(data[match.end() - 1 :], self.cassette.header.server)
            if text is not None and (known := self._known.find(text, "")) is not None:
                self._add_known_call(text, *known, int(match[1]), source)
                return
        document = self.cassette.read_document(source.number, data)
        match document:
            case Exchange() if self._numbers is None or document.exchange in self._numbers:
                self._add_exchange(document, source, text)
            case Event(from_=None):
                self._add_event(document, source, text)
            case End(from_=None):
                if document.end in self._streams:
                    self._streams[document.end].end = document.cause
            case _:
                pass

    def place(self, call: RecordedCall, index: int | None = None) -> Place:
        """Return the place of a call, or of an event of its stream, given by its index there."""
        stream = call.stream
        if index is None or stream is None:
            return Place(self._file_of(call.document), call.line, call.number)
        file, line = self._file_of(stream.documents[index]), stream.lines[index]
        return Place(file, line, call.number, stream.numbers[index])

    def event_label(self, stream: RecordedStream, index: int) -> str:
        """Return the type of an event of a stream, and the state in it."""
        return self.messages.label(stream.messages[index]) or "(not a message)"

    def parsed(self, call: RecordedCall) -> ParsedRequest:
        """Read the request of a call again."""
        return self._parse(self._exchange(call))

    def request_body(self, call: RecordedCall) -> bytes:
        """Read the body of a request again."""
        return recorded_request(self.cassette, self._exchange(call)).body

    def answer(self, call: RecordedCall) -> tuple[Message | None, bytes]:
        """Read the answer of a call again: its message without times, or its bytes."""
        return self._answer(self._exchange(call), call.facts.call_type)

    def event(self, call: RecordedCall, index: int) -> tuple[Message | None, bytes]:
        """Read an event of a call again, like `answer`."""
        assert call.stream is not None
        event = self._read(call.stream.documents[index], call.stream.lines[index])
        assert isinstance(event, Event)
        return self._event(event, call.facts)

    def output(self, call: RecordedCall, output: ContainerOutput) -> Iterator[bytes]:
        """Read the output of a container again, record by record."""
        for document, line in zip(output.documents, output.lines, strict=True):
            event = self._read(document, line)
            assert isinstance(event, Event)
            message, _ = self._event(event, call.facts)
            found = None if message is None else output_of(message)
            yield b"" if found is None else found[1]

    def _file_of(self, document: int) -> str:
        """Return the name of the file, or of the part, that a document is in."""
        if self._name is not None:
            return self._name
        starts = [start for start, _ in self._files]
        return self._files[bisect_right(starts, document) - 1][1]

    def _exchange(self, call: RecordedCall) -> Exchange:
        exchange = self._read(call.document, call.line)
        assert isinstance(exchange, Exchange)
        return exchange

    def _read(self, document: int, line: int) -> Document:
        return self.cassette.read_source(DocumentSource(document, line, self.cassette.path))[0]

    def _parse(self, exchange: Exchange) -> ParsedRequest:
        request = recorded_request(self.cassette, exchange)
        return parse_request(request, self.cassette.header.server, self._ignoring)

    def _add_exchange(
        self, exchange: Exchange, source: DocumentSource, text: DividedText | None
    ) -> None:
        parsed = self._parse(exchange)
        scope = parsed.framework_id
        message, data = self._answer(exchange, parsed.call_type)
        response = exchange.response
        answered = f"{response.status}{'' if response.cause is None else f' {response.cause}'}"
        facts = call_facts(exchange, parsed)
        forms = [request_form(parsed), content_form(message, data, answered, scope)]
        has_stream = response.stream is not None
        self._add_call(exchange.exchange, facts, forms, has_stream, source)
        if text is None or not parsed.calls or parsed.refusal or exchange.request.stream:
            return
        is_understood = message is not None or not data
        if is_understood and not facts.party[-1] and (not scope or scope.encode() in text.ids):
            number = text.ids.index(scope.encode()) if scope else None
            self._known.remember(text, forms, CallFrame(facts, number, has_stream))

    def _add_known_call(
        self,
        text: DividedText,
        forms: Sequence[MessageForm],
        frame: CallFrame | None,
        number: int,
        source: DocumentSource,
    ) -> None:
        assert frame is not None
        scope = "" if frame.scope is None else text.ids[frame.scope].decode()
        facts = frame.facts if frame.facts.scope == scope else replace(frame.facts, scope=scope)
        self._add_call(number, facts, forms, frame.has_stream, source)

    def _add_call(
        self,
        number: int,
        facts: CallFacts,
        forms: Sequence[MessageForm],
        has_stream: bool,
        source: DocumentSource,
    ) -> None:
        request, _ = (self.messages.add(form) for form in forms)
        stream = RecordedStream(facts) if has_stream else None
        self.calls.add(RecordedCall(number, source.number, source.line, request, facts, stream))
        if stream is not None:
            self._streams[number] = stream

    def _add_event(self, event: Event, source: DocumentSource, text: DividedText | None) -> None:
        stream = self._streams.get(event.of)
        if stream is None:
            return
        message, data = self._event(event, stream.facts)
        if message is None:
            form = content_form(None, data, "", "")
        elif is_heartbeat_message(message):
            if text is not None:
                self._known.remember(text, [], None)
            return
        else:
            if not stream.scope and stream.has_framework:
                stream.scope = first_framework(message)
            if (output := output_of(message)) is not None:
                self._add_output(stream, *output, event, source)
                return
            form = content_form(message, data, "", SURROUNDING)
            if text is not None:
                self._known.remember(text, [form], None)
            form = with_scope(form, stream.scope)
        self._add_to_stream(stream, form, event.event, source)

    def _add_output(
        self, stream: RecordedStream, kind: str, data: bytes, event: Event, source: DocumentSource
    ) -> None:
        output = stream.outputs.get(kind)
        if output is None:
            output = stream.outputs[kind] = ContainerOutput(len(stream))
            label = f"DATA {kind}"
            self._add_to_stream(stream, MessageForm(label, label, 0, []), event.event, source)
        digest = output.add(data, source.number, source.line)
        self.messages.digests[stream.messages[output.index]] = digest

    def _add_to_stream(
        self, stream: RecordedStream, form: MessageForm, number: int, source: DocumentSource
    ) -> None:
        stream.messages.append(self.messages.add(form))
        stream.documents.append(source.number)
        stream.lines.append(source.line)
        stream.numbers.append(number)

    def _answer(
        self, exchange: Exchange, call_type: CallType | None
    ) -> tuple[Message | None, bytes]:
        response = exchange.response
        if response.stream is not None or response.omitted is not None:
            return None, (response.omitted or "").encode()
        name = response_message_name(exchange, call_type)
        data = encode_response(self.cassette, exchange, name)
        if response.cause is not None:
            return None, data
        return self._decode(data, name, body_encoding(response.headers)), data

    def _event(self, event: Event, facts: CallFacts) -> tuple[Message | None, bytes]:
        name = None if facts.call_type is None else facts.call_type.record_message
        if event.omitted is not None:
            return None, event.omitted.encode()
        data = encode_event(self.cassette, event, name)
        if event.offset is not None:
            return None, data
        return self._decode(data, name, facts.encoding), data

    def _decode(self, data: bytes, name: str | None, encoding: Encoding | None) -> Message | None:
        if name is None or encoding is None or not data:
            return None
        try:
            message = decode_leniently(data, name, encoding)
        except (ValueError, RecursionError):
            return None
        self._ignoring.drop_from_answer(message)
        (message,) = without_defaults((message,))
        drop_times(message)
        return message
