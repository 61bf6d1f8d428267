"""The message in a record, and what is wrong with it, as a value.

PayloadContent("HEARTBEAT", value)                          a valid record
PayloadContent(None, None, (Diagnostic("no-type", …),))     a record that is no message
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..api.apis import APIS
from ..messages.descriptors import message_class
from ..shown_text import escape_line, quote_start
from .problems import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STREAMED_MESSAGES = (*(api.event_message for api in APIS), "mesos.v1.agent.Call")
"""The messages that Mesos streams, and the one that its clients stream."""


class PayloadContent(msgspec.Struct, frozen=True, gc=False):
    """The type and the message of a payload, as far as they are known.

    `value` is a protobuf message, a msgspec struct of its shape, or a dict if the message is
    unknown. Offsets in `diagnostics` are relative to the start of the payload.
    """

    type: str | None = None
    value: Any = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_valid(self) -> bool:
        """True if the payload is such a message, perhaps with enum values of a later version."""
        return not self.diagnostics or all(one.severity != "malformed" for one in self.diagnostics)


def sibling_message_names(message: str) -> tuple[str, ...]:
    """Return the messages that another server, or another API, uses in the place of `message`."""
    match message.rpartition(".")[2]:
        case "Response":
            return tuple(api.response_message for api in APIS if api.response_message is not None)
        case "Call":
            return tuple(api.call_message for api in APIS)
        case _:
            return STREAMED_MESSAGES


def matching_siblings(message: str, matches: Callable[[str], bool]) -> Iterator[str]:
    """Yield the siblings of a message, without itself, that a payload matches."""
    return (name for name in sibling_message_names(message) if name != message and matches(name))


def type_values_by_name(message: str) -> Mapping[str, object]:
    """Return a mapping whose keys are the types that a message may have."""
    enum = message_class(message).DESCRIPTOR.fields_by_name["type"].enum_type
    assert enum is not None
    return enum.values_by_name


def malformed_content(reason: str, text: str, message_type: str | None = None) -> PayloadContent:
    """Return the content of a payload that is malformed for one reason.

    Texts of Mesos have lone surrogates for bytes that are not UTF-8, which cannot be printed.
    """
    return PayloadContent(message_type, None, (Diagnostic(reason, escape_line(text)),))


def unknown_enum_value(path: str, value: object, enum: str) -> Diagnostic:
    """Return the diagnostic for a field whose value is not in its enum."""
    return Diagnostic(
        "unknown-enum", f"{path} is {quote_start(repr(value))}, which is not in {enum}"
    )
