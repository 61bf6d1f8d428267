"""Requests with their secrets replaced, so that those with different secrets are equal.

A redacted cassette has placeholders where a client sends secrets. So before a received request is
compared with a recorded one, the same rules replace the secrets in both, by one and the same
placeholder:

    recorded   {"name": "DB_PASSWORD", "value": "REDACTED-7"}    REDACTED-0
    received   {"name": "DB_PASSWORD", "value": "hunter2"}       REDACTED-0

A value that was a secret in one request is one in all later requests, as it was for the recorder.
"""

from base64 import b64decode, b64encode
from collections import Counter
from functools import cache
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ...proto.messages.descriptors import map_value_field, message_class, reachable_types
from ...proto.messages.ids import copy_messages
from ..known_secrets.placeholders import PLACEHOLDER
from ..known_secrets.secrets import Secrets
from .members import LABELS, Member
from .protobuf import ProtobufRedactor
from .redactor import Redactors
from .rules import DEFAULT_RULES, RuleSet

_SAME = "REDACTED-0"

_SECRET_TYPES = frozenset(
    f"mesos.v1.{name}" for name in ("CommandInfo", "FrameworkInfo", "Label", "Parameter", "Secret")
)
"""Messages that have secrets in requests, besides `bytes data`."""


class SecretComparison:
    """Replaces the secrets in requests: by one placeholder, or by one for each secret."""

    def __init__(self, rules: RuleSet = DEFAULT_RULES, *, are_alike: bool = True) -> None:
        self._are_alike = are_alike
        secrets = Secrets(0 if are_alike else 1, are_alike=are_alike)
        redactors = Redactors.build(rules, secrets, Counter())
        self._text, self._members = redactors.text, redactors.members
        self._headers = redactors.headers
        protobuf = ProtobufRedactor(self._members, self._alike_bytes)
        self._text.redact_message = protobuf.redact_message

    def comparable_calls(self, calls: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return calls without secrets. The given messages are not changed."""
        if not any(_may_have_secrets(call.DESCRIPTOR.full_name, _body(call)) for call in calls):
            return calls
        copies = copy_messages(calls)
        for _ in range(2):  # what is found at the end may also be at the beginning
            for copy in copies:
                self._redact_message(copy, "", "")
        return copies

    def comparable_target(self, target: str) -> str:
        """Return the path and the query of a request without secrets."""
        return self._alike(self._headers.redact_target(target))

    def comparable_body(self, body: bytes) -> bytes:
        """Return the body of a request that is not a call, without secrets."""
        return self._alike_bytes(self._text.redact_bytes(body))

    def _redact_message(self, message: Message, key: str, owner: str) -> None:
        label = next(
            (str(getattr(message, name)) for name in LABELS if _is_text(message, name)), None
        )
        for field, value in message.ListFields():
            if (map_value := map_value_field(field)) is not None:
                for entry in value:
                    if map_value.message_type is not None:
                        self._redact_message(value[entry], entry, field.name)
                    elif map_value.type == FieldDescriptor.TYPE_STRING:
                        value[entry] = self._redact(Member(entry, field.name, value[entry]))
            elif field.message_type is not None:
                for child in value if field.is_repeated else (value,):
                    self._redact_message(child, field.name, key)
            elif field.type == FieldDescriptor.TYPE_STRING:
                if field.is_repeated:
                    value[:] = [
                        self._redact(Member(field.name, key, each, None, position))
                        for position, each in enumerate(value)
                    ]
                else:
                    member = Member(field.name, key, value, label)
                    setattr(message, field.name, self._redact(member))
            elif field.type == FieldDescriptor.TYPE_BYTES and field.name == "data":
                member = Member("data", key, b64encode(value).decode())
                redacted = b64decode(self._members.redact(member))
                setattr(message, field.name, self._alike_bytes(redacted))

    def _redact(self, member: Member) -> str:
        return self._alike(self._members.redact(member)) if member.value else member.value

    def _alike(self, text: str) -> str:
        is_other = self._are_alike and "REDACTED-" in text
        return PLACEHOLDER.sub(_SAME, text) if is_other else text

    def _alike_bytes(self, data: bytes) -> bytes:
        if not self._are_alike or b"REDACTED-" not in data:
            return data
        return self._alike(data.decode("latin-1")).encode("latin-1")


def _is_text(message: Message, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name.get(name)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _body(call: Message) -> str:
    """Return the name of the field that has the contents of a call: that of its type."""
    field = call.DESCRIPTOR.fields_by_name.get("type")
    number: int = getattr(call, "type", 0)
    if field is None or field.enum_type is None or number not in field.enum_type.values_by_number:
        return ""
    return field.enum_type.values_by_number[number].name.lower()


@cache
def _may_have_secrets(call_name: str, body: str) -> bool:
    """Return whether there is a place for secrets in a call, by the field with its contents."""
    call = cast("Descriptor", message_class(call_name).DESCRIPTOR)
    field = call.fields_by_name.get(body)
    if field is None or field.message_type is None:
        return False
    return any(
        each.full_name in _SECRET_TYPES
        or any(f.name == "data" and f.type == FieldDescriptor.TYPE_BYTES for f in each.fields)
        for each in reachable_types(field.message_type)
    )
