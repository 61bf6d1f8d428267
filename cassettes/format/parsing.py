"""The bytes of one document as a struct, or an error that says in plain words what is wrong.

The writer's layout takes the fast way through `canonical`, any other YAML the slow one through
`composing`. Text becomes numbers and times here, by the types of the structs in `documents`.
"""

import msgspec

from . import fast_reader
from .documents import (
    FORMAT_VERSION,
    Body,
    Document,
    End,
    Event,
    Exchange,
    Header,
    Note,
)
from .error_texts import document_name, to_document_error
from .yaml_reader import Composition, DocumentError, Node

DOCUMENT_TYPES: dict[str, type[Document]] = {
    "mesotape": Header,
    "exchange": Exchange,
    "event": Event,
    "end": End,
    "note": Note,
}


def parse_document(data: bytes) -> Document:
    """Read a document, from its start mark to its end mark. Raises `DocumentError`."""
    event = fast_reader.parse_event(data)
    if event is not None:
        return event
    root = fast_reader.parse_document_nodes(data)
    if root is not None:
        try:
            return document_from_nodes(root)
        except (ValueError, LookupError):
            pass  # The careful way knows the lines, and words for what is wrong.
    composition = Composition(data)
    try:
        return document_from_nodes(composition.root)
    except msgspec.ValidationError as error:
        raise to_document_error(error, composition) from error


def parse_exchange_head(data: bytes) -> Exchange | None:
    """Read an exchange without its response's body from its first bytes, if that is possible."""
    root = fast_reader.parse_exchange_head_nodes(data)
    if root is None:
        return None
    try:
        return msgspec.convert(root, Exchange, strict=False)
    except msgspec.ValidationError:
        return None


def without_response_body(exchange: Exchange) -> Exchange:
    """Leave out the body of the response."""
    empty = msgspec.structs.replace(
        exchange.response,
        json=None,
        text=None,
        proto=None,
        base64=None,
        wire=None,
        wire_of=None,
        malformed=None,
    )
    return msgspec.structs.replace(exchange, response=empty)


def document_from_nodes(root: dict[str, Node]) -> Document:
    """Give the values of a document their types."""
    kind = next((key for key in root if key in DOCUMENT_TYPES), None)
    if kind is None:
        raise DocumentError(
            2, f"expected one of the keys {', '.join(DOCUMENT_TYPES)}, found {_keys(root)}"
        )
    if kind == "mesotape":
        _check_format(root["mesotape"])
    told = msgspec.convert(root, DOCUMENT_TYPES[kind], strict=False)
    match told:
        case Event():
            _check_body(told, root)
        case Exchange(request=request, response=response):
            _check_body(request, root, "request: ")
            _check_body(response, root, "response: ")
        case _:
            pass
    return told


def _keys(root: dict[str, Node]) -> str:
    return ", ".join(list(root)[:5]) or "none"


def _check_format(told: Node) -> None:
    if isinstance(told, str) and told.isdecimal() and int(told) != FORMAT_VERSION:
        if int(told) > FORMAT_VERSION:
            newest = f"this mesotape reads ({FORMAT_VERSION})"
            text = f"format {told} is newer than {newest}: upgrade mesotape"
        else:
            text = f"found format {told}, expected {FORMAT_VERSION}"
        raise DocumentError(2, text)


def _check_body(body: Body, root: dict[str, Node], side: str = "") -> None:
    values = (body.json, body.text, body.proto, body.base64)
    if values.count(None) < len(values) - 1:
        names = ("json", "text", "proto", "base64")
        forms = [name for name, value in zip(names, values, strict=True) if value is not None]
        raise DocumentError(
            2,
            f"{document_name(root)}: {side}expected one form of the body, "
            f"found {' and '.join(forms)}",
        )
    if body.wire is not None and body.proto is None:
        raise DocumentError(
            2,
            f"{document_name(root)}: {side}found wire without proto: write the bytes under base64",
        )
