"""A request as it came to a replay."""

from functools import cached_property

from msgspec import Struct

_MEANT = (
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
"""Headers that an answer can depend on."""


class HttpRequest(Struct, frozen=True, dict=True):
    """A request as it came: content coding undone, header names as spelled.

    `broken` is a body that is not what its Content-Encoding says; it is as it came.
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
        """The last value of each header, as libprocess takes it, by name in lower case."""
        return {name.lower(): value for name, value in self.headers}

    @cached_property
    def text_headers_by_name(self) -> dict[str, str]:
        """The same as text."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.headers_by_name.items()
        }

    @cached_property
    def cache_key(self) -> tuple[object, ...]:
        """What is equal for requests that are answered alike, whatever else their headers say."""
        return (
            self.method,
            self.target,
            self.body,
            self.has_undecodable_body,
            self.relevant_headers,
        )

    @cached_property
    def relevant_headers(self) -> tuple[bytes | None, ...]:
        """The headers that an answer can depend on."""
        values = self.headers_by_name
        return tuple([values.get(name) for name in _MEANT])

    @cached_property
    def size(self) -> int:
        """Bytes of what the headers and the body say."""
        return len(self.body) + sum([len(name) + len(value) for name, value in self.headers])

    def with_body(self, body: bytes) -> "HttpRequest":
        """Give a request with the same head; what is known of that need not be found again."""
        other = HttpRequest(self.method, self.target, self.headers, body)
        vars(other).update(
            headers_by_name=self.headers_by_name,
            relevant_headers=self.relevant_headers,
            text_headers_by_name=self.text_headers_by_name,
        )
        return other

    def header(self, name: str) -> str | None:
        """The last value of a header, by its name in lower case."""
        return self.text_headers_by_name.get(name)
