"""Write a cassette with readable names.

    rename_cassette(Path("hour.yaml"), Path("readable.yaml"))

The cassette is read twice: to collect the names, since an id may stand in a path before the message
that says what it is, and to write. Memory is needed for each id. A document in which nothing
changes is copied byte by byte; any other is formatted anew.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ..format.yaml_writer import format_document
from ..storage.new_file import check_is_not_read, new_file
from ..storage.reader import Cassette
from .names import Names
from .renamer import Renamer
from .times import TimeShift


class RenamedFile(Struct, frozen=True):
    """How many names of each kind are new, and the documents with old names in opaque bytes.

    `moved_seconds` is by how much times were moved to the past. `warnings` are the parts of the
    file that cannot be read, and are left out.
    """

    counts: dict[str, int]
    moved_seconds: int
    left: list[str]
    warnings: list[str]


def rename_cassette(
    path: Path,
    output: Path,
    *,
    ids: bool = True,
    hosts: bool = True,
    times: bool = True,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> RenamedFile:
    """Write a cassette with new names. Raises CassetteError, and OSError if that fails."""
    with Cassette.open(path, may_grow=True) as cassette:
        check_is_not_read(output, [cassette])
        names = Names(renames_ids=ids, renames_hosts=hosts)
        shift = TimeShift(cassette.header.began) if times else None
        renamer, left = Renamer(names, shift), list[str]()
        share = 50 / max(1, cassette.document_count)
        for number in cassette.document_numbers():
            on_progress(int(number * share))
            renamer.add(cassette.read_document(number))
        names.seek()
        with new_file(output) as file:
            offset = 0
            for source in cassette.sources():
                start, end = cassette.span(source.number)
                file.write(renamer.rename_comments(cassette.comments_between(offset, start)))
                offset = end
                on_progress(int(50 + source.number * share))
                document, data = cassette.read_source(source)
                renamed = renamer.rename(document)
                file.write(data if renamed == document else format_document(renamed))
                if renamer.is_left_in(document):
                    left.append(f"{source.path}:{source.line}")
            rest = cassette.comments_between(offset, cassette.length_bytes)
            file.write(renamer.rename_comments(rest))
        seconds = 0 if shift is None else shift.seconds
        return RenamedFile(dict(names.counts), seconds, left, cassette.warnings)
