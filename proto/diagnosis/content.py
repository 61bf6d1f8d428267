"""What a record says, and what is wrong with it, as a value.

Content("HEARTBEAT", value)                          a sound record
Content(None, None, (Remark("no-type", …),))         one that says nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..api.apis import APIS
from ..messages.descriptors import message_class
from .problems import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMED_MESSAGES = (*(api.event_message for api in APIS), "mesos.v1.agent.Call")
"""The messages that Mesos sends in streams, and the one that clients do."""


class PayloadContent(msgspec.Struct, frozen=True, gc=False):
    """What a payload says. `value` is a message or a struct of its shape, if it is known.

    Offsets in the remarks count within the payload.
    """

    type: str | None = None
    value: Any = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether the payload is such a message, if perhaps one of the future."""
        return not self.diagnostics or all(
            remark.severity != "malformed" for remark in self.diagnostics
        )


def sibling_message_names(message: str) -> tuple[str, ...]:
    """Name the messages that may have come instead: from another server, or to one."""
    sort = message.rpartition(".")[2]
    if sort == "Response":
        return tuple(api.response_message for api in APIS if api.response_message is not None)
    return tuple(api.call_message for api in APIS) if sort == "Call" else STREAMED_MESSAGES


def type_values_by_name(message: str) -> Mapping[str, object]:
    """Give the names that the type of a message may have, as keys."""
    enum = message_class(message).DESCRIPTOR.fields_by_name["type"].enum_type
    assert enum is not None
    return enum.values_by_name


def malformed_content(reason: str, text: str, kind: str | None = None) -> PayloadContent:
    """Say what is malformed."""
    return PayloadContent(kind, None, (Diagnostic(reason, text),))
