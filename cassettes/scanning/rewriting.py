"""Write a cassette without its secrets, in place of the old file or beside it.

    redact_cassette(Path("master.yaml"), DEFAULT_RULES)

The file is read twice: to learn all secrets, since the last one may stand in the first document,
and to write. So nothing that was a secret is in the new file at any moment. The new file is written
beside the destination, flushed to the disk, and replaces it at once.

A document without secrets is copied byte by byte. One with secrets is formatted anew: comments
within it are lost, those between documents stay. A document that was cut off is left out.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct, structs

from ..format.documents import CassetteError, Header
from ..format.yaml_writer import format_document
from ..known_secrets.placeholders import last_placeholder_in
from ..redaction.redactor import Redactor
from ..redaction.rules import RuleSet
from ..storage.new_file import is_packed, locked, new_file
from ..storage.reader import Cassette, DocumentSource
from .secret_findings import find_secrets, is_plain_event, redact_comments


class RedactedFile(Struct, frozen=True):
    """How often each rule fired, and the documents in which a secret is left, as `file:line`.

    `warnings` are the parts of the file that cannot be read, and are left out.
    """

    counts: dict[str, int] = {}
    left: list[str] = []
    warnings: list[str] = []


def redact_cassette(
    path: Path,
    rules: RuleSet,
    output: Path | None = None,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> RedactedFile:
    """Write a cassette without secrets, over the old one unless there is an `output`.

    If no rule fires, the file is not changed, unless its header does not list the rules of the
    placeholders in it. `on_progress` gets percentages. Raises CassetteError, and
    OSError if the new file cannot be written.
    """
    with contextlib.ExitStack() as opened:
        opened.enter_context(locked(path))
        cassette = opened.enter_context(Cassette.open(path))
        for part in cassette.part_paths[1:]:
            opened.enter_context(locked(part))
        redactor = Redactor(rules, first_number=last_placeholder(cassette) + 1)
        share = 50 / max(1, cassette.length_bytes)
        for found in find_secrets(
            cassette, redactor, lambda offset: on_progress(int(offset * share))
        ):
            if isinstance(found, CassetteError):
                raise found
        needs_rules = redactor.has_placeholders and _with_rules(cassette.header, rules)
        if output is None and needs_rules in (False, cassette.header) and not redactor.counts:
            return RedactedFile()
        redactor.counts.clear()
        files = [cassette]
        if output is None and len(cassette.part_paths) > 1:
            parts = [Cassette.open(part, with_parts=False) for part in cassette.part_paths]
            files = [opened.enter_context(part) for part in parts]
        left = rewrite(
            files, redactor, output, lambda offset: on_progress(50 + int(offset * share))
        )
        return RedactedFile(dict(redactor.counts), left, cassette.warnings)


def rewrite(
    cassettes: Sequence[Cassette],
    redactor: Redactor,
    output: Path | None = None,
    on_progress: Callable[[int], None] = lambda offset: None,
) -> list[str]:
    """Write cassettes, or parts of one, without the secrets that a redactor knows or finds.

    All new files are written before the first replaces its old one. Returns the places of
    documents in which a secret is left, as in the name of a member. Raises CassetteError, and
    OSError.
    """
    left: list[str] = []
    written = 0
    with contextlib.ExitStack() as files:
        for cassette in cassettes:
            path = cassette.path.resolve()
            packs = is_packed(path) if output is None else output.suffix == ".gz"
            file = files.enter_context(new_file(output or path, packs=packs))
            begun = written

            def advance(offset: int, begun: int = begun) -> None:
                on_progress(begun + offset)

            left += _write_redacted(cassette, redactor, file, advance)
            file.flush()
            written += cassette.length_bytes
    return left


def _write_redacted(
    cassette: Cassette, redactor: Redactor, file: IO[bytes], on_progress: Callable[[int], None]
) -> Iterator[str]:
    """Write a file; iterate over the places of documents in which a secret is left."""
    offset = 0
    for source in cassette.sources():
        start, end = cassette.span(source.number)
        file.write(_comments(cassette, offset, start, redactor))
        data = _redacted_document(cassette, source, redactor)
        if redactor.secrets.are_in(data):
            yield f"{source.path}:{source.line}"
        file.write(data)
        offset = end
        on_progress(offset)
    file.write(_comments(cassette, offset, cassette.length_bytes, redactor))


def last_placeholder(cassette: Cassette) -> int:
    """Return the highest number of a placeholder in a file, or 0."""
    return last_placeholder_in(cassette.read_bytes)


def _comments(cassette: Cassette, start: int, end: int, redactor: Redactor) -> bytes:
    """Return the comments and blank lines between two documents, without secrets."""
    comments = cassette.comments_between(start, end)
    return redact_comments(comments, redactor) if comments else comments


def _redacted_document(cassette: Cassette, source: DocumentSource, redactor: Redactor) -> bytes:
    data = cassette.read_bytes(*cassette.span(source.number))
    if is_plain_event(data, redactor):
        return data
    document, data = cassette.read_source(source)
    redacted = redactor.redact(document)
    if isinstance(redacted, Header) and redactor.has_placeholders:
        redacted = _with_rules(redacted, redactor.rules)
    if redacted is document:
        data = redact_comments(data, redactor)
        if not redactor.secrets.are_in(data):  # as in a comment at the end of a line
            return data
    return format_document(redacted)


def _with_rules(header: Header, rules: RuleSet) -> Header:
    """Return a header that lists the rules; a replay compares requests by them."""
    ids = list(dict.fromkeys([*header.redaction, *rules.all_ids()]))
    return header if ids == header.redaction else structs.replace(header, redaction=ids)
