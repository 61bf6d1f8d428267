"""Documents with new names: all texts of a document, and the lengths that depend on them."""

from collections.abc import Iterator

from msgspec.structs import replace

from ...proto.messages.wire_format import is_message
from ..format.documents import (
    Body,
    Document,
    Event,
    Exchange,
    Header,
    Headers,
    Note,
    Request,
    Response,
)
from ..redaction.lengths import fit_chunks, fit_length
from ..redaction.text import is_binary
from . import host_texts
from .names import Names
from .times import TimeShift


class Renamer:
    """Collects the names of documents, and renames them. `times` is None if times stay."""

    def __init__(self, names: Names, times: TimeShift | None) -> None:
        self._names = names
        self._times = times

    def add(self, document: Document) -> None:
        """Collect what is to be renamed in a document."""
        names = self._names
        match document:
            case Header(upstream=str(upstream)):
                self._add_hosts(host_texts.url_hosts(upstream))
            case Exchange():
                if document.peer is not None:
                    self._add_hosts(host_texts.url_hosts(document.peer))
                for side in (document.request, document.response):
                    self._add_hosts(host_texts.header_hosts(side.headers))
                    for value in side.headers.values():
                        names.add_text(value if isinstance(value, str) else "\n".join(value))
                    self._add_body(side)
                names.add_text(document.request.path)
            case Event():
                self._add_body(document)
            case _:
                pass

    def rename(self, document: Document) -> Document:
        """Return a document with the new names; an equal one if there are none in it."""
        match document:
            case Header():
                return self._header(document)
            case Exchange():
                peer = document.peer and self._names.rename(document.peer)
                request = self._side(document.request)
                request = replace(request, path=self._names.rename(request.path))
                return replace(
                    document, peer=peer, request=request, response=self._side(document.response)
                )
            case Event():
                renamed = self._body(document)
                if renamed is document:
                    return document
                return replace(renamed, chunks=fit_chunks(document, renamed))
            case Note():
                return replace(document, note=self._names.rename(document.note))
            case _:
                return document

    def rename_comments(self, comments: bytes) -> bytes:
        """Return comments between documents with the new names."""
        text = comments.decode("utf-8", "surrogateescape")
        return self._names.rename(text).encode("utf-8", "surrogateescape")

    def is_left_in(self, document: Document) -> bool:
        """Return whether an old name is in a body that is no text."""
        bodies: tuple[Body, ...] = ()
        match document:
            case Exchange():
                bodies = (document.request, document.response)
            case Event():
                bodies = (document,)
            case _:
                pass
        opaque = (_opaque_bytes(each) for each in bodies)
        return any(self._is_hidden_in(data) for data in opaque)

    def _add_hosts(self, hosts: Iterator[str]) -> None:
        for host in hosts:
            self._names.add_host(host)

    def _add_body(self, body: Body) -> None:
        for text in (body.json, body.proto, body.text):
            if text is not None and not _opaque_bytes(body):
                self._names.add_message(text)
                self._names.add_text(text)

    def _header(self, header: Header) -> Header:
        upstream = header.upstream and self._names.rename(header.upstream)
        recorded_at = header.recorded_at
        if self._times is not None:
            recorded_at = self._times.move_start(recorded_at)
        return replace(header, upstream=upstream, recorded_at=recorded_at)

    def _side[S: (Request, Response)](self, side: S) -> S:
        renamed = self._body(side)
        headers = self._headers(side.headers)
        if renamed is not side:
            headers = fit_length(headers, side, renamed)
        return replace(renamed, headers=headers)

    def _headers(self, headers: Headers) -> Headers:
        return {
            name: self._value(value) if isinstance(value, str) else [self._value(v) for v in value]
            for name, value in headers.items()
        }

    def _value(self, value: str) -> str:
        value = self._names.rename(value)
        return value if self._times is None else self._times.move_dates(value)

    def _body[B: Body](self, body: B) -> B:
        """Return a body with new names; the same object if none is in it.

        A message that changes is encoded anew: unknown fields in `wire` are lost.
        """
        if body.json is not None:
            json = self._message(body.json)
            return body if json == body.json else replace(body, json=json)
        if body.text is not None and not _opaque_bytes(body):
            text = self._message(body.text)
            return body if text == body.text else replace(body, text=text)
        if body.proto is not None:
            proto = self._message(body.proto)
            is_same = proto == body.proto and not self._is_hidden_in(body.wire or b"")
            return body if is_same else replace(body, proto=proto, wire=None, wire_of=None)
        return body

    def _is_hidden_in(self, data: bytes) -> bool:
        """Return whether an old name is in bytes, as in unknown fields that no text shows."""
        return self._names.is_in(data.decode("latin-1"))

    def _message(self, text: str) -> str:
        text = self._names.rename_message(text)
        return text if self._times is None else self._times.move_fields(text)


def _opaque_bytes(body: Body) -> bytes:
    """Return the bytes of a body that would be damaged by other lengths, such as a message."""
    if body.base64 is not None:
        return body.base64
    if body.text is None or body.text[:1] > " ":
        return b""
    data = body.text.encode("utf-8", "surrogatepass")
    return data if is_binary(data) or is_message(data) else b""
