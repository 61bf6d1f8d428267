"""A capture as the cassette that a recorder would have made of it, with its times."""

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import EndCause, Header
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import NO_RULES, RuleSet
from mesotape.proto.api.apis import ServerKind
from support.captures import Capture
from support.captures.capture import Conversation
from support.captures.http1 import Message

HOST = "127.0.0.1"


def taped(
    capture: Capture, path: Path, server: ServerKind = "master", rules: RuleSet = NO_RULES
) -> Path:
    """Write a capture as a cassette; it is byte for byte the capture if nothing is redacted."""
    return write_observations(_facts(capture), path, server, rules)


def write_observations(
    observations: Iterable[AnyObservation],
    path: Path,
    server: ServerKind | None,
    rules: RuleSet = NO_RULES,
) -> Path:
    """Write the documents that a recorder makes of what it observes."""
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    recording = Recording(server, Redactor(rules))
    header = Header(mesotape=1, server=server, recorded_at=at, redaction=rules.all_ids())
    with path.open("wb") as file:
        file.write(yaml_writer.format_document(header))
        for observation in observations:
            for document in recording.feed(observation):
                file.write(
                    document
                    if isinstance(document, bytes)
                    else yaml_writer.format_document(document)
                )
    return path


def _facts(capture: Capture) -> Iterator[AnyObservation]:
    taps: dict[int, _Tap] = {}
    count = 0
    for line in capture.lines:
        tap = taps.setdefault(line.connection, _Tap(line.connection))
        at = line.at_seconds
        if line.end:
            yield from tap.end(at, "client" if line.side == "client" else "server-cut")
        elif line.side == "client":
            for fact in tap.ask(line.data, at, count):
                count += isinstance(fact, RequestHead)
                yield fact
        else:
            yield from tap.answer(line.data, at)


class _Tap:
    """One connection. `exchanges` are its numbers, in order; the rest counts what was observed."""

    def __init__(self, client: int) -> None:
        self.client = client
        self.said = Conversation(client)
        self.exchanges: list[int] = []
        self.asked = self.heads = self.answered = self.told = 0

    def ask(self, data: bytes, at: float, count: int) -> Iterator[AnyObservation]:
        self.said.say("client", data, at)
        for message in self.said.messages("client")[len(self.exchanges) :]:
            self.exchanges.append(count := count + 1)
            method, target, version = message.words
            peer = f"{HOST}:{40000 + self.client}"
            fields = list(message.headers)
            yield RequestHead(count, at, self.client, peer, method, target, version, fields)
        for message in self.said.messages("client")[self.asked :]:
            if message.complete:
                number = self.exchanges[self.asked]
                self.asked += 1
                if message.body:
                    yield BodyData(number, at, "client", bytes(message.body))
                yield RequestEnd(number, at)

    def answer(self, data: bytes, at: float) -> Iterator[AnyObservation]:
        self.said.say("server", data, at)
        for message in self.said.messages("server")[self.answered :]:
            number = self.exchanges[self.answered]
            if self.heads == self.answered:
                self.heads += 1
                _, status, reason = message.words
                yield ResponseHead(number, at, int(status), reason, list(message.headers))
            yield from (BodyData(number, at, "server", piece) for piece in self._pieces(message))
            if message.complete:
                self.answered, self.told = self.answered + 1, 0
                yield ExchangeEnd(number, at, "server")

    def _pieces(self, message: Message) -> Iterator[bytes]:
        """Return the new part of a body, chunk by chunk if it has chunks."""
        ends = [0]
        for _, size in message.chunks if message.framing == "chunked" else []:
            ends.append(ends[-1] + size)
        whole = len(message.body) if message.framing != "chunked" else None
        for end in ends if whole is None else [whole]:
            if self.told < end <= len(message.body):
                yield bytes(message.body[self.told : end])
                self.told = end

    def end(self, at: float, cause: EndCause) -> Iterator[AnyObservation]:
        for number in self.exchanges[self.answered :]:
            yield ExchangeEnd(number, at, cause)
        self.answered = len(self.exchanges)
