"""Messages of mitmproxy: their headers, and what another addon or option changed in them."""

from collections.abc import Iterable

from mitmproxy import http
from msgspec import Struct

from ...cassettes.recording.observations import HeaderFields
from ...proto.counted import counted

type _Fields = tuple[tuple[bytes, bytes], ...]

_OF_THE_PROXY = {b"expect"}
"""Headers that mitmproxy itself removes."""


def header_fields(message: http.Message) -> HeaderFields:
    """Return the headers in order, with repeated ones, as names and values."""
    fields: Iterable[tuple[bytes, bytes]] = message.headers.fields
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


class MessageChanges(Struct, frozen=True):
    """What was changed: parts, like `path /other`, and names of headers."""

    parts: list[str]
    headers: list[str]

    def __str__(self) -> str:
        return ", ".join([*self.parts, *(f"header {name}" for name in self.headers)])

    def __bool__(self) -> bool:
        return bool(self.parts or self.headers)


class SentRequest:
    """A request as the client sent it. `body` is None unless it was buffered."""

    def __init__(self, request: http.Request) -> None:
        self._parts = _request_parts(request)
        self._fields: _Fields = request.headers.fields
        self.body: bytes | None = None

    def changes(self, request: http.Request) -> MessageChanges:
        """Return how the request that the upstream gets differs."""
        body = None if self.body is None else request.raw_content
        parts = _changed(self._parts, _request_parts(request)) + _changed_body(self.body, body)
        return MessageChanges(parts, _changed_headers(self._fields, request))


class SentResponse:
    """A response as the upstream sent it, or as it was recorded. `body` as in a request."""

    def __init__(self, response: http.Response) -> None:
        self._parts = _response_parts(response)
        self._fields: _Fields = response.headers.fields
        self.body: bytes | None = None

    def changes(self, response: http.Response) -> MessageChanges:
        """Return how the response that the client gets differs."""
        body = None if self.body is None else response.raw_content
        parts = _changed(self._parts, _response_parts(response)) + _changed_body(self.body, body)
        return MessageChanges(parts, _changed_headers(self._fields, response))


def _request_parts(request: http.Request) -> dict[str, str]:
    data = request.data
    return {
        "method": data.method.decode("latin-1"),
        "path": data.path.decode("latin-1"),
        "server": f"{data.scheme.decode('latin-1')}://{data.host}:{data.port}",
    }


def _response_parts(response: http.Response) -> dict[str, str]:
    return {"status": str(response.status_code)}


def _changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [f"{name} {after[name]}" for name in before if before[name] != after[name]]


def _changed_body(before: bytes | None, after: bytes | None) -> list[str]:
    return [] if before == after else [f"body ({counted(len(after or b''), 'byte')})"]


def _changed_headers(before: _Fields, message: http.Message) -> list[str]:
    after: _Fields = message.headers.fields
    if before == after:
        return []
    changed = set(before) ^ set(after)
    names = {name.lower() for name, _ in changed} - _OF_THE_PROXY
    return sorted(name.decode("latin-1") for name in names)
