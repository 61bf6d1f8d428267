"""Write the documents that a cut keeps: verbatim, but for numbers of events and ends of streams."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, structs

from ..format.documents import End, Event, Header, Note
from ..format.parsing import parse_document
from ..format.yaml_writer import format_document
from ..storage.reader import Cassette
from .choice import Choice
from .head_reader import DocumentHead, read_pieces
from .kept_documents import KeptDocuments

_NUMBER = re.compile(rb"^(event:[ \t]*)[0-9]+", re.MULTILINE)


class CutResult(Struct):
    """How many exchanges and events the new file has, how many were chosen, and of how many.

    The others are there because the chosen ones need them. `warnings` are the parts of the file
    that cannot be read, and are left out.
    """

    exchanges: int
    chosen_exchanges: int
    all_exchanges: int
    events: int = 0
    chosen_events: int = 0
    all_events: int = 0
    warnings: list[str] = []


class _Stream(Struct):
    """What was written of a stream, and whether it goes on after the time chosen."""

    events: int = 0
    last_at: float = 0.0
    goes_on: bool = False


class CutWriter:
    """Takes the heads of all documents, and returns the bytes of those that are kept.

    `replaced` has other bytes for some of them.
    """

    def __init__(
        self,
        cassette: Cassette,
        choice: Choice,
        kept: KeptDocuments,
        replaced: Mapping[int, bytes],
    ) -> None:
        self.result = CutResult(
            exchanges=len(kept.exchanges),
            chosen_exchanges=len(kept.chosen_exchanges),
            all_exchanges=len(cassette),
            warnings=cassette.warnings,
        )
        self._cassette = cassette
        self._choice = choice
        self._kept = kept
        self._replaced = replaced
        self._streams: dict[tuple[int, str], _Stream] = {}
        self._offset = 0

    def write(self, head: DocumentHead) -> Iterator[bytes]:
        """Return the bytes of a document, and of the comments before it; none if it is left out."""
        start, end = self._cassette.span(head.document)
        before, self._offset = self._offset, end
        match head.kind:
            case "exchange":
                is_kept = self._kept.is_kept(head)
                pieces = read_pieces(self._cassette, head) if is_kept else iter(())
            case "event":
                pieces = self._event(head)
            case "other":
                pieces = self._other(head)
        first = next(pieces, None)
        if first is not None:
            yield self._cassette.comments_between(before, start)
            yield first
            yield from pieces

    def finish(self) -> Iterator[bytes]:
        """Return the ends of streams that go on after the time chosen, and have none."""
        for (number, _), stream in self._streams.items():
            if stream.goes_on:
                yield self._stopped(number, stream)

    def _event(self, head: DocumentHead) -> Iterator[bytes]:
        self.result.all_events += 1
        if head.of not in self._kept.exchanges:
            return
        stream = self._streams.setdefault((head.of, head.side), _Stream())
        if not self._kept.is_kept(head):
            stream.goes_on |= head.at_seconds > self._choice.until
            return
        stream.events += 1
        stream.last_at = head.at_seconds
        self.result.events += 1
        self.result.chosen_events += self._kept.is_chosen(head)
        if (replaced := self._replaced.get(head.document)) is not None:
            yield _renumbered(replaced, stream.events)
        elif head.number == stream.events:
            yield from read_pieces(self._cassette, head)
        else:
            yield _renumbered(b"".join(read_pieces(self._cassette, head)), stream.events)

    def _other(self, head: DocumentHead) -> Iterator[bytes]:
        document = self._cassette.read_document(head.document)
        exchanges, choice = self._kept.exchanges, self._choice
        is_kept = True
        match document:
            case End(end=number):
                is_kept = number in exchanges
                side = document.from_ or "server"
                stream = self._streams.pop((number, side), _Stream())
                is_divided = side == "server" and number in self._kept.streams
                if is_kept and is_divided and document.at > choice.until:
                    yield self._stopped(number, stream)
                    return
            case Note(of=int(number)):
                is_kept = number in exchanges
            case Note(at=at):
                is_kept = choice.is_in_time(at)
            case _:
                pass
        if is_kept:
            yield from read_pieces(self._cassette, head)
        if isinstance(document, Header):
            text = f"cut from {Path(self._cassette.path).name}: {choice}"
            yield format_document(Note(note=text, at=choice.since))

    def _stopped(self, number: int, stream: _Stream) -> bytes:
        at = max(self._choice.until, stream.last_at)
        return format_document(End(end=number, at=at, cause="stopped"))


def _renumbered(data: bytes, number: int) -> bytes:
    """Return an event with another number. All other bytes stay, if that can be done."""
    renumbered = _NUMBER.sub(rb"\g<1>%d" % number, data, count=1)
    if data.startswith(b"---\nevent: "):
        return renumbered
    event = parse_document(data)
    assert isinstance(event, Event)
    wanted = structs.replace(event, event=number)
    return renumbered if parse_document(renumbered) == wanted else format_document(wanted)
