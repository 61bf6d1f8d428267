"""Find the secrets of a cassette, without showing them.

    for finding in find_secrets(cassette, Redactor(rules)):
        print(finding)          exchange 2: request.headers.Cookie: cookie

What a redactor would replace is a finding. A value that a rule finds at the end of the file may be
at its beginning, too, in a place that no rule names; so the file is read a second time then.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from ..format.documents import CassetteError, Document, End, Event, Exchange, Note
from ..known_secrets.secrets import Secrets
from ..redaction.redactor import Redactor
from ..storage.reader import Cassette, DocumentSource

BLOCK_BYTES = 1 << 20
_MOST_BETWEEN_BYTES = 1 << 26
_MOST_PLACE_BYTES = 256
_LONGEST_SPELLING_BYTES = 1 << 16
"""A secret of 16 KiB, percent-encoded, or twice in base64."""

_PLAIN_EVENT = re.compile(rb"---\nevent: [0-9]+\nof: [0-9]+\nat: [0-9.]+\n(?:json|proto): \|-\n")
_COMMENT = re.compile(rb"^[ \t]*#.*$", re.MULTILINE)


class SecretFinding(Struct, frozen=True):
    """A place with secrets that one rule found, and how many.

    `file` is the path of the cassette, or of one of its parts, and `line` is that of the document
    in it. `document` is its name; `exchange` and `event` are its numbers,
    if it has any.
    """

    file: str
    line: int
    document: str
    place: str
    rule: str
    count: int
    exchange: int | None = None
    event: int | None = None

    def __str__(self) -> str:
        """Format the finding as one line."""
        times = "" if self.count == 1 else f", {self.count} times"
        return f"{self.file}:{self.line}: {self.document}: {self.place}: {self.rule}{times}"


def find_secrets(
    cassette: Cassette,
    redactor: Redactor,
    on_progress: Callable[[int], None] = lambda offset: None,
) -> Iterator[SecretFinding | CassetteError]:
    """Iterate over the secrets of a cassette, and over the errors of its wrong documents.

    The redactor knows all secrets afterwards. Those that are known only late are yielded last.
    `on_progress` gets the offset of each document.
    """
    has_findings = bytearray()
    last, offset = DocumentSource(0, 1, cassette.path), 0
    for source in cassette.sources():
        start, end = cassette.span(source.number)
        yield from _find_between(cassette, offset, start, redactor, last)
        found = False
        for finding in _find_in_document(cassette, source, redactor):
            found = True
            yield finding
        has_findings.append(found)
        last, offset = source, end
        on_progress(offset)
    yield from _find_between(cassette, offset, cassette.length_bytes, redactor, last)
    if not redactor.secrets.count:
        return
    for known, source in zip(has_findings, cassette.sources(), strict=True):
        if known:
            continue
        if redactor.secrets.are_in(cassette.read_bytes(*cassette.span(source.number))):
            yield from _find_in_document(cassette, source, redactor)


def redact_comments(data: bytes, redactor: Redactor) -> bytes:
    """Return the bytes of a document with the secrets in its lines of comments replaced."""
    return _COMMENT.sub(lambda line: redactor.redact_bytes(line.group()), data)


def is_plain_event(data: bytes, redactor: Redactor) -> bool:
    """Return whether a document is an event in the writer's layout without a secret.

    Most are, and need not be parsed.
    """
    return (
        _PLAIN_EVENT.match(data) is not None
        and b"\nwire: " not in data
        and not redactor.is_suspect(data)
    )


def has_known_secret(
    cassette: Cassette, secrets: Secrets, begin: int = 0, end: int | None = None
) -> bool:
    """Return whether a known secret is between two offsets of a file, in any encoding."""
    end = cassette.length_bytes if end is None else end
    while begin < end:
        stop = begin + BLOCK_BYTES
        data = cassette.read_bytes(begin, stop + _LONGEST_SPELLING_BYTES)
        if any(found.begin < BLOCK_BYTES for found in secrets.find(data)):
            return True
        begin = stop
    return False


def _find_between(
    cassette: Cassette, start: int, end: int, redactor: Redactor, last: DocumentSource
) -> Iterator[SecretFinding]:
    """Find secrets between two documents: in comments, and in a document that was cut off."""
    if start < end:
        data = cassette.read_bytes(start, min(end, start + _MOST_BETWEEN_BYTES))
        for (place, rule), count in _fired(redactor, "bytes", data).items():
            document = "after the document"
            yield SecretFinding(str(last.path), last.line, document, place, rule, count)


def _find_in_document(
    cassette: Cassette, source: DocumentSource, redactor: Redactor
) -> Iterator[SecretFinding | CassetteError]:
    data = cassette.read_bytes(*cassette.span(source.number))
    if is_plain_event(data, redactor):
        return
    try:
        document, data = cassette.read_source(source)
    except CassetteError as error:
        yield error
        yield from _findings(source, None, _fired(redactor, "bytes", data))
        return
    fired = Counter[tuple[str, str]]()
    redactor.on_found(lambda rule: fired.update([(redactor.place, rule)]))
    redactor.redact(document)
    redactor.on_found(None)
    fired = Counter({(_shown(place, redactor), rule): n for (place, rule), n in fired.items()})
    if not fired and (comments := b"\n".join(_COMMENT.findall(data))):
        fired = _fired(redactor, "comment", comments)
    yield from _findings(source, document, fired)


def _fired(redactor: Redactor, place: str, data: bytes) -> Counter[tuple[str, str]]:
    fired = Counter[tuple[str, str]]()
    redactor.on_found(lambda rule: fired.update([(place, rule)]))
    redactor.redact_bytes(data)
    redactor.on_found(None)
    return fired


def _shown(place: str, redactor: Redactor) -> str:
    """Return a place that can be printed: up to a name that is itself a secret, or too long."""
    whole = place.encode("utf-8", "backslashreplace")
    data = whole[:_MOST_PLACE_BYTES]
    if (found := next(redactor.secrets.find(whole), None)) is not None:
        data = data[: found.begin]
    text = data.decode("utf-8", "ignore") + ("…" if len(data) < len(whole) else "")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _findings(
    source: DocumentSource, document: Document | None, fired: Counter[tuple[str, str]]
) -> Iterator[SecretFinding]:
    name, exchange, event = _describe(document)
    for (place, rule), count in fired.items():
        file, line = str(source.path), source.line
        yield SecretFinding(file, line, name, place, rule, count, exchange, event)


def _describe(document: Document | None) -> tuple[str, int | None, int | None]:
    """Return the name of a document, and the numbers of its exchange and event."""
    match document:
        case Exchange(exchange=number):
            return f"exchange {number}", number, None
        case Event(event=number, of=of):
            return f"event {number} of exchange {of}", of, number
        case End(end=of):
            return f"end of exchange {of}", of, None
        case Note(of=of):
            return "note", of, None
        case None:
            return "wrong document", None, None
        case _:
            return "header", None, None
