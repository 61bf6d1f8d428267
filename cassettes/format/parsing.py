"""Parse the bytes of one document into a struct, or raise an error that a person understands.

The writer's layout is read by `fast_reader`, any other YAML by `yaml_reader`. Both give text, lists
and mappings; here they become numbers and times, by the types of the structs in `documents`.
"""

import datetime
import re

import msgspec

from ...proto.shown_text import quote_start
from . import fast_reader
from .documents import (
    FORMAT_VERSION,
    Body,
    Document,
    DocumentError,
    End,
    Event,
    Exchange,
    Header,
    Node,
    Note,
)

_DOCUMENT_TYPES: dict[str, type[Document]] = {
    "mesotape": Header,
    "exchange": Exchange,
    "event": Event,
    "end": End,
    "note": Note,
}


def parse_document(data: bytes) -> Document:
    """Parse a document, from its start mark to its end mark. Raises `DocumentError`."""
    event = fast_reader.parse_event(data)
    if event is not None:
        return event
    root = fast_reader.parse_document_nodes(data)
    if root is not None:
        try:
            return document_from_nodes(root)
        except (ValueError, LookupError):
            pass  # The composition has the line numbers that an error needs.
    return _parse_any_yaml(data)


def _parse_any_yaml(data: bytes) -> Document:
    """Parse a document that is not as the writer writes it, or report what is wrong.

    Few cassettes have one, so this imports the YAML library.
    """
    from .error_texts import to_document_error
    from .yaml_reader import Composition

    composition = Composition(data)
    try:
        return document_from_nodes(composition.root)
    except DocumentError as error:
        line = composition.line_numbers.get(error.path, error.line) if error.path else error.line
        raise DocumentError(line, error.text) from error
    except msgspec.ValidationError as error:
        raise to_document_error(error, composition, _document_type(composition.root)) from error


def without_response_body(exchange: Exchange) -> Exchange:
    """Return an exchange with an empty response body."""
    empty = dict.fromkeys(Body.__struct_fields__)
    response = msgspec.structs.replace(exchange.response, **empty)
    return msgspec.structs.replace(exchange, response=response)


def document_from_nodes(root: dict[str, Node]) -> Document:
    """Convert a document of text to its struct.

    Raises `DocumentError`, or `msgspec.ValidationError` if a value does not fit the struct.
    """
    document_type = _document_type(root)
    if document_type is Header:
        _check_format(root["mesotape"])
    document = msgspec.convert(root, document_type, strict=False)
    match document:
        case Header(recorded_at=at) if not 1 < at.year < datetime.MAXYEAR:
            text = f"header: recorded_at: found the year {at.year}, which time zones leave"
            raise DocumentError(2, text, ("recorded_at",))
        case Event():
            _check_body(document, root)
        case Exchange(request=request, response=response):
            _check_body(request, root, "request: ")
            _check_body(response, root, "response: ")
        case _:
            pass
    return document


def _document_type(root: dict[str, Node]) -> type[Document]:
    for key in root:
        if key in _DOCUMENT_TYPES:
            return _DOCUMENT_TYPES[key]
    found = ", ".join(map(quote_start, list(root)[:5])) or "none"
    expected = ", ".join(_DOCUMENT_TYPES)
    raise DocumentError(2, f"expected one of the keys {expected}, found {found}")


def _check_format(version: Node) -> None:
    if not isinstance(version, str) or not re.fullmatch("[0-9]+", version):
        return  # What is not a number does not fit the struct.
    digits = version.lstrip("0")
    if digits == str(FORMAT_VERSION):
        return
    version = quote_start(version, 20)
    if (len(digits), digits) > (1, str(FORMAT_VERSION)):
        newest = f"this mesotape reads ({FORMAT_VERSION})"
        raise DocumentError(2, f"format {version} is newer than {newest}: upgrade mesotape")
    raise DocumentError(2, f"found format {version}, expected {FORMAT_VERSION}")


def _check_body(body: Body, root: dict[str, Node], side: str = "") -> None:
    forms = {"json": body.json, "text": body.text, "proto": body.proto, "base64": body.base64}
    present = [name for name, value in forms.items() if value is not None]
    last = present[-1] if present else "wire"
    if len(present) > 1:
        found = " and ".join(present)
        text = f"{side}expected one form of the body, found {found}"
    elif body.wire is not None and body.proto is None:
        text = f"{side}found wire without proto: write the bytes under base64"
        last = "wire"
    elif body.spacing is not None and body.json is None:
        text = f"{side}found spacing without json: remove it"
    else:
        return
    from .error_texts import document_name

    path = (side.removesuffix(": "), last) if side else (last,)
    raise DocumentError(2, f"{document_name(root)}: {text}", path)
