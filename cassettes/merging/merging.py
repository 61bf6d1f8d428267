"""Merge the cassettes of several recorders of one cluster into one, on one clock.

    merge_cassettes([Path("master1.yaml"), Path("master2.yaml")], Path("masters.yaml"))

The new cassette begins when the first of them began, by the `recorded_at` of their headers, and the
times of the others are moved by the difference. Documents are read one at a time from each, always
from the one whose next is earliest, so memory does not depend on the length of the cassettes, but
for their indexes.
"""

import contextlib
import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ..cutting.head_reader import DocumentHead, check_numbers, read_heads
from ..format.documents import CassetteError, End, Header, Note
from ..format.yaml_writer import format_document
from ..storage.new_file import check_is_not_read, new_file
from ..storage.reader import Cassette
from .merged_numbers import MergedNumbers
from .moved_documents import DocumentMover

_AT = itemgetter(0)


class MergedFile(Struct, frozen=True):
    """What the new cassette has, and the servers that a replay of it cannot tell apart.

    `warnings` are the parts of the files that cannot be read, and are left out.
    """

    cassettes: int
    exchanges: int
    documents: int
    mixed_servers: list[str]
    warnings: list[str]


def merge_cassettes(
    paths: Sequence[Path],
    output: Path,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> MergedFile:
    """Write a cassette that has all documents of some others, in the order of time.

    Raises CassetteError, also for cassettes of two kinds of servers, and OSError.
    """
    with contextlib.ExitStack() as opened:
        cassettes = [opened.enter_context(Cassette.open(path, may_grow=True)) for path in paths]
        _check(cassettes, output)
        header = _merged_header(cassettes)
        shifts = [(each.header.began - header.began).total_seconds() for each in cassettes]
        numbers = MergedNumbers(cassettes, shifts)
        total, written = sum(each.document_count for each in cassettes), 0
        sources = [
            _documents(cassette, shift, DocumentMover(cassette, index, numbers, shift))
            for index, (cassette, shift) in enumerate(zip(cassettes, shifts, strict=True))
        ]
        with new_file(output) as file:
            names = ", ".join(path.name for path in paths)
            file.write(format_document(header))
            file.write(format_document(Note(note=f"merged from {names}", at=0.0)))
            for _, pieces in heapq.merge(*sources, key=_AT):
                file.writelines(pieces)
                written += 1
                on_progress(written * 100 // total)
        upstreams = dict.fromkeys(each.header.upstream or "unknown" for each in cassettes)
        return MergedFile(
            cassettes=len(cassettes),
            exchanges=sum(map(len, cassettes)),
            documents=written,
            mixed_servers=list(upstreams) if len(upstreams) > 1 else [],
            warnings=[warning for each in cassettes for warning in each.warnings],
        )


def _documents(
    cassette: Cassette, shift: float, mover: DocumentMover
) -> Iterator[tuple[float, Iterator[bytes]]]:
    """Return the documents of a cassette but for the header, with times that never go back."""
    latest, offset = 0.0, 0
    for head in read_heads(cassette):
        start, end = cassette.span(head.document)
        comments = cassette.comments_between(offset, start)
        offset = end
        if head.document:
            latest = max(latest, shift + _at_seconds(cassette, head))
            yield latest, chain([comments], mover.move(head))


def _at_seconds(cassette: Cassette, head: DocumentHead) -> float:
    if head.kind != "other":
        return head.at_seconds
    document = cassette.read_document(head.document)
    return document.at if isinstance(document, End | Note) else 0.0


def _check(cassettes: Sequence[Cassette], output: Path) -> None:
    check_is_not_read(output, cassettes)
    first = cassettes[0]
    for each in cassettes:
        if each.header.server != first.header.server:
            kinds = (f"{one.path}: of {_kind(one)}" for one in (each, first))
            text = "a cassette has one kind of server: merge those of each kind; replay takes both"
            raise CassetteError(f"{next(kinds)}, {next(kinds)}: {text}")
        check_numbers(each)


def _kind(cassette: Cassette) -> str:
    kinds = {"master": "a master", "agent": "an agent"}
    return kinds.get(cassette.header.server or "", "an unknown kind of server")


def _merged_header(cassettes: Sequence[Cassette]) -> Header:
    headers = [each.header for each in cassettes]
    earliest = min(headers, key=lambda header: header.began)
    upstreams = {header.upstream for header in headers}
    rules = dict.fromkeys(rule for header in headers for rule in header.redaction)
    return replace(
        earliest,
        upstream=earliest.upstream if len(upstreams) == 1 else None,
        redaction=list(rules),
    )
