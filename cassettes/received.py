"""A request as it came to a replay."""

from msgspec import Struct


class Received(Struct, frozen=True):
    """A request as it came: content coding undone, header names as spelled.

    `broken` is a body that is not what its Content-Encoding says; it is as it came.
    """

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    broken: bool = False

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The headers as text."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]

    def header(self, name: str) -> str | None:
        """Take the last value of a header, as libprocess does (src/decoder.hpp)."""
        wanted = name.lower().encode()
        for spelled, value in reversed(self.headers):
            if spelled.lower() == wanted:
                return value.decode("latin-1")
        return None
