r"""Messages in protobuf without their secrets, whatever their type.

    b"\n\x08password\x12\x07hunter2"      a name, and a value
    b"\n\x08password\x12\x0aREDACTED-1"   the same fields with other lengths

Bodies that decode as their request says are redacted as the JSON that shows them. This is for all
others: of another kind of server, damaged or cut off, with a Content-Type that is wrong. If a type
of Mesos fits, its fields have their rules. In other messages, two texts with the numbers 1 and 2
are a name and a value, as in most schemas.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Mapping

from ...proto.messages.wire_format import (
    LENGTH_DELIMITED,
    encode_varint,
    is_message,
    wire_fields,
)
from ...proto.messages.wire_types import (
    FieldType,
    guess_part_type,
    guess_type,
    is_plain_text,
    message_type,
)
from .members import LABELS, VALUES, Member, MemberRedactor

_MAX_DEPTH = 32
_NAME, _VALUE = 1, 2
_LINE_END = ord("\n")
"""Also the tag of a text with the number 1."""


class ProtobufRedactor:
    """Redacts the texts in messages by where they are; each one is `finished` afterwards."""

    def __init__(
        self, members: MemberRedactor, finished: Callable[[bytes], bytes] = lambda data: data
    ) -> None:
        self._members = members
        self._text = members.text
        self._finished = finished

    def redact_message(self, data: bytes) -> bytes | None:
        """Return a message without the secrets in it, the same object if there are none.

        Returns None if the bytes are no message.
        """
        name = guess_type(data)
        if name is None and not is_message(data):
            return None
        return self._redact(data, name, "", 0)

    def _redact(self, data: bytes, name: str | None, key: str, depth: int) -> bytes:
        """Redact a message of a type; `key` is the name of the field that has it."""
        if name is None:
            name = guess_part_type(data)
        types = {} if name is None else message_type(name).fields
        label = _label(data, types)
        counts = Counter[int]()
        pieces: list[bytes] = []
        position = end = 0
        for field in wire_fields(data):
            end = field.end
            if field.wire_type != LENGTH_DELIMITED:
                continue
            value = data[field.begin : field.end]
            known = types.get(field.number)
            if known is None or known.wire_type != LENGTH_DELIMITED:
                redacted = self._redact_unknown(
                    value, label if field.number == _VALUE else None, depth
                )
            elif known.message is not None and depth < _MAX_DEPTH:
                redacted = self._redact(value, known.message, known.name, depth + 1)
            else:
                member = Member(known.name, key, "", label, counts[field.number])
                redacted = self._redact_known(value, member, is_string=known.is_string)
            counts[field.number] += 1
            redacted = self._finished(redacted)
            if redacted != value:
                # If the value is cut off, as many bytes are missing as before.
                length = field.end - field.begin + len(redacted) - len(value)
                tag = encode_varint(field.number << 3 | LENGTH_DELIMITED)
                pieces += [data[position : field.start], tag, encode_varint(length), redacted]
                position = field.end
        rest = data[end:]
        redacted = self._text.redact_bytes(rest)  # what is no field
        if not pieces and redacted == rest:
            return data
        return b"".join([*pieces, data[position:end], redacted])

    def _redact_known(self, value: bytes, member: Member, *, is_string: bool) -> bytes:
        """Redact a text, or bytes as the base64 that they are in JSON."""
        if not value:
            return value
        if is_string:
            try:
                return self._members.redact(member._replace(value=value.decode())).encode()
            except UnicodeError:
                return self._text.redact_bytes(value)
        digits = b64encode(value).decode()
        redacted = self._members.redact(member._replace(value=digits))
        if redacted == digits:
            return value
        try:
            return b64decode(redacted, validate=True)
        except ValueError:  # a rule has replaced a part of the base64
            return redacted.encode()

    def _redact_unknown(self, value: bytes, label: str | None, depth: int) -> bytes:
        """Redact a text, a message or bytes; a label makes it the value of a name."""
        may_be_message = depth < _MAX_DEPTH and is_message(value)
        if may_be_message and (value[0] == _LINE_END or not is_plain_text(value)):
            return self._redact(value, None, "", depth + 1)
        if value and is_plain_text(value):
            key = VALUES[0] if label is not None else ""
            return self._members.redact(Member(key, "", value.decode(), label)).encode()
        return self._text.redact_bytes(value)


def _label(data: bytes, types: Mapping[int, FieldType]) -> str | None:
    """Return the text that names the value in a message: `key`, `name`, or else number 1."""
    for number in [n for n, known in types.items() if known.name in LABELS] if types else [_NAME]:
        for field in wire_fields(data):
            if field.number == number and field.wire_type == LENGTH_DELIMITED:
                value = data[field.begin : field.end]
                return value.decode() if is_plain_text(value) else None
    return None
