"""Cassettes as JSON lines: one document a line, with the keys of the cassette.

    {"mesotape":1,"server":"master","recorded_at":"2026-11-22T12:18:29.104233Z"}
    {"exchange":1,"at":0.0,"client":1,"request":{"method":"POST","json":{"type":"SUBSCRIBE"}},…
    {"event":1,"of":1,"at":0.00435,"json":{"type":"HEARTBEAT"}}

The bodies under `json` and `proto` are JSON, not text: `jq '.json.type'` reads them. Nothing of a
document is lost. A line is at most as long as a document, so memory does not depend on the file.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import msgspec
from msgspec import Raw

from ..format.documents import Body, Document, DocumentError, PlacedError
from ..format.json_spacing import indent_json
from ..format.parsing import document_from_nodes
from ..storage.reader import Cassette

_BODY_KEYS = Body.__struct_fields__
_JSON_FORMS = ("json", "proto")
_SIDES = ("request", "response")
_decoder = msgspec.json.Decoder(dict[str, Raw])


def write_json_lines(
    cassette: Cassette, on_progress: Callable[[int], None] = lambda percent: None
) -> Iterator[bytes]:
    """Iterate over the lines of a cassette; `on_progress` gets percentages.

    Raises CassetteError.
    """
    for count, (document, line) in enumerate(cassette.documents(), 1):
        try:
            yield encode_line(document)
            on_progress(count * 100 // cassette.document_count)
        except ValueError as error:
            raise PlacedError(cassette.path, line, f"a body is not JSON: {error}") from error


def encode_line(document: Document) -> bytes:
    """Return the line of a document. Raises ValueError if a body is not JSON."""
    members = cast("dict[str, Any]", msgspec.to_builtins(document))
    shown = {key: _to_json(value) if key in _SIDES else value for key, value in members.items()}
    return msgspec.json.encode(_to_json(shown)) + b"\n"


def _to_json(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members with the body last, and its text as JSON."""
    shown = {key: value for key, value in members.items() if key not in _BODY_KEYS}
    for key in _BODY_KEYS:
        if key in members:
            text: str = members[key]
            is_json = key in _JSON_FORMS
            shown[key] = Raw(msgspec.json.format(text.encode(), indent=-1)) if is_json else text
    return shown


def read_json_lines(lines: Iterable[bytes], path: object) -> Iterator[Document]:
    """Read documents. Raises PlacedError with the line of a wrong one."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield decode_line(line)
        except (ValueError, RecursionError) as error:
            text = error.text if isinstance(error, DocumentError) else str(error)
            raise PlacedError(path, number, text) from error


def decode_line(line: bytes) -> Document:
    """Return the document of a line. Raises ValueError."""
    members = _from_json(line)
    # A cassette has text where JSON has numbers, and errors name a document by them.
    nodes = {key: str(value) if type(value) is int else value for key, value in members.items()}
    return document_from_nodes(nodes)


def _from_json(data: bytes) -> dict[str, Any]:
    return {key: _from_value(key, bytes(raw)) for key, raw in _decoder.decode(data).items()}


def _from_value(key: str, raw: bytes) -> Any:
    if key in _SIDES:
        return _from_json(raw)
    return _indented(raw) if key in _JSON_FORMS else msgspec.json.decode(raw)


def _indented(raw: bytes) -> str:
    """Return the text of a body as the recorder writes it."""
    compact = msgspec.json.format(raw, indent=-1)
    return (indent_json(compact) or compact).decode()
