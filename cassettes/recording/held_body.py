"""Bodies that are held until they are complete, and what is left of one that is too large.

A document can be formatted only when its body is complete, so memory limits the size of bodies.
Beyond the limit a body is not held any more, but its bytes are still counted and digested as they
pass, so that a reader of the cassette can compare them with the original.
"""

from ...proto.api.negotiation import JSON, PROTOBUF
from ...proto.counted import counted
from ...proto.http import content_codings
from ...proto.http.gzip_coding import ContentCodingError, TooLargeError
from ...proto.http.headers import header_value, header_values
from ..format import bodies
from ..format.documents import Headers
from ..format.headers import decompress_body
from .writer_reports import DEFAULT_MAX_BODY_BYTES

_MOST_BODIES = 2


class HeldBytes:
    """What all bodies and records of a recording may hold: one at most `max_body_bytes`."""

    def __init__(self, max_body_bytes: int = DEFAULT_MAX_BODY_BYTES) -> None:
        self.max_body_bytes = max_body_bytes
        self.size = 0

    def change(self, before: int, after: int) -> bool:
        """Account for a body that had `before` bytes and now has `after`; False if too large."""
        self.size += after - before
        return after <= self.max_body_bytes and self.size <= _MOST_BODIES * self.max_body_bytes

    @property
    def omission_reason(self) -> str:
        """Why a body is omitted."""
        limit = self.max_body_bytes
        return f"bodies are recorded up to {limit} bytes, and {_MOST_BODIES * limit} at once"


class OmittedBytes:
    """Bytes that are not kept: their number and digest."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.size = 0
        import hashlib

        self._digest = hashlib.sha256()
        self.feed(data)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next bytes."""
        self.size += len(data)
        self._digest.update(data)

    def __str__(self) -> str:
        return f"{counted(self.size, 'byte')}, SHA-256 {self._digest.hexdigest()}"


class HeldBody:
    """The body of a message while it arrives. `omitted` is set once it is too large."""

    def __init__(self, held: HeldBytes) -> None:
        self.omitted: OmittedBytes | None = None
        self._held = held
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Add the next bytes."""
        if self.omitted is not None:
            self.omitted.feed(data)
            return
        before = len(self._data)
        self._data += data
        if not self._held.change(before, len(self._data)):
            self.omitted = OmittedBytes(self.take())

    def peek(self, headers: Headers) -> bytes:
        """Return what is held, decompressed. Raises ContentCodingError."""
        return decompress_body(bytes(self._data), headers, self._held.max_body_bytes)

    def take(self) -> bytes:
        """Return what is held, and hold it no longer."""
        data = bytes(self._data)
        self._held.change(len(data), 0)
        self._data = bytearray()
        return data

    def fields(self, headers: Headers, message: str | None) -> bodies.BodyFields:
        """Return the form of the whole body, decompressed, and hold it no longer.

        `message` is the full name of the message if it is protobuf. A body that does not decode
        stays compressed.
        """
        if self.omitted is not None:
            return bodies.BodyFields(omitted=str(self.omitted))
        data = self.take()
        try:
            plain = decompress_body(data, headers, self._held.max_body_bytes)
            if plain is data and (coding := ", ".join(header_values(headers, "content-encoding"))):
                content_codings.check_size(data, coding, self._held.max_body_bytes)
        except TooLargeError as error:
            return bodies.BodyFields(omitted=str(OmittedBytes(data)), malformed=str(error))
        except ContentCodingError as error:
            return bodies.BodyFields(base64=data, malformed=str(error))
        media_type = header_value(headers, "content-type") or ""
        if media_type.startswith(JSON):
            fields = bodies.decode_body(plain, "json")
        elif media_type == PROTOBUF and message is not None:
            fields = bodies.decode_body(plain, "proto", message)
        else:
            fields = bodies.decode_body(plain)
        if plain is not data and "malformed" in fields:
            return bodies.BodyFields(base64=data, malformed=fields["malformed"])
        return fields
