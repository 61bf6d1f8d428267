"""The HTTP request that a replay server receives and matches."""

from functools import cached_property

from msgspec import Struct

from .credentials import CredentialScheme, scheme_of
from .headers import last_header_values

HEALTH_PATH = b"/_mesotape/health"
"""A replay and a recorder answer it themselves: it is no request of a client to the server."""

MATCHED_HEADERS = (
    b"content-type",
    b"message-content-type",
    b"accept",
    b"accept-type",
    b"message-accept",
    b"accept-encoding",
    b"content-encoding",
    b"mesos-stream-id",
    b"user-agent",
    b"libprocess-from",
)
"""Headers that can change the answer."""

_HEAD_PROPERTIES = (
    "credentials",
    "head_size",
    "headers_by_name",
    "match_head",
    "text_headers",
    "text_headers_by_name",
)
"""The cached properties that depend on the head alone."""


class HttpRequest(Struct, frozen=True, dict=True):
    """A request with its Content-Encoding undone; header names keep their spelling.

    `has_undecodable_body` is true if the body does not decode by its Content-Encoding; then `body`
    has the received bytes.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    has_undecodable_body: bool = False

    @cached_property
    def text_headers(self) -> list[tuple[str, str]]:
        """The headers as text."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]

    @cached_property
    def headers_by_name(self) -> dict[bytes, bytes]:
        """The last value of each header, by its name in lower case."""
        return last_header_values(self.headers)

    @cached_property
    def text_headers_by_name(self) -> dict[str, str]:
        """`headers_by_name` as text."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.headers_by_name.items()
        }

    @cached_property
    def cache_key(self) -> tuple[object, ...]:
        """A key that is equal for requests that get the same answer."""
        return self.match_head, self.body, self.has_undecodable_body

    @cached_property
    def match_head(self) -> tuple[object, ...]:
        """What of the head can change the answer; of credentials that is the scheme."""
        values = self.headers_by_name
        relevant = [values.get(name) for name in MATCHED_HEADERS]
        return self.method, self.target, *relevant, self.credentials

    @cached_property
    def credentials(self) -> CredentialScheme:
        """The scheme of the credentials in the request; None if it has none."""
        value = self.headers_by_name.get(b"authorization")
        return None if value is None else scheme_of(value.decode("latin-1"))

    @property
    def size(self) -> int:
        """Bytes of the body and of the header names and values."""
        return len(self.body) + self.head_size

    @cached_property
    def head_size(self) -> int:
        """Bytes of the header names and values."""
        return sum([len(name) + len(value) for name, value in self.headers])

    @cached_property
    def _head_properties(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in _HEAD_PROPERTIES}

    def with_body(self, body: bytes) -> "HttpRequest":
        """Return a request with the same head and another body."""
        other = HttpRequest(self.method, self.target, self.headers, body)
        # Computed once for all bodies, and set past the frozen struct: 0.4 instead of 2 µs.
        vars(other).update(self._head_properties)
        return other

    def with_headers(self, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> "HttpRequest":
        """Return a request with other `headers`, equal in those that can change the answer."""
        if headers == self.headers:
            return self.with_body(body)
        other = HttpRequest(self.method, self.target, headers, body)
        vars(other).update(credentials=self.credentials, match_head=self.match_head)
        return other

    def header(self, name: str) -> str | None:
        """Return the last value of a header, or None if absent. `name` is in lower case."""
        return self.text_headers_by_name.get(name)
