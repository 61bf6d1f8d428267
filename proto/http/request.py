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


class Received(Struct, frozen=True, dict=True):
    """A request as it came: content coding undone, header names as spelled.

    `broken` is a body that is not what its Content-Encoding says; it is as it came.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    broken: bool = False

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """The headers as text."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]

    @cached_property
    def values(self) -> dict[bytes, bytes]:
        """The last value of each header, as libprocess takes it, by name in lower case."""
        return {name.lower(): value for name, value in self.headers}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The same as text."""
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.values.items()
        }

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """What is equal for requests that are answered alike, whatever else their headers say."""
        return (self.method, self.target, self.body, self.broken, self.meant)

    @cached_property
    def meant(self) -> tuple[bytes | None, ...]:
        """The headers that an answer can depend on."""
        values = self.values
        return tuple([values.get(name) for name in _MEANT])

    @cached_property
    def size(self) -> int:
        """Bytes of what the headers and the body say."""
        return len(self.body) + sum([len(name) + len(value) for name, value in self.headers])

    def alike(self, body: bytes) -> "Received":
        """Give a request with the same head; what is known of that need not be found again."""
        other = Received(self.method, self.target, self.headers, body)
        vars(other).update(values=self.values, meant=self.meant, texts=self.texts)
        return other

    def header(self, name: str) -> str | None:
        """The last value of a header, by its name in lower case."""
        return self.texts.get(name)
