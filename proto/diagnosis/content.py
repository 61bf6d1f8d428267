"""What a record says, and what is wrong with it, as a value.

Content("HEARTBEAT", value)                          a sound record
Content(None, None, (Remark("no-type", …),))         one that says nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..api.apis import APIS
from ..messages.descriptors import message_class
from .problems import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMED = (*(api.event for api in APIS), "mesos.v1.agent.Call")
"""The messages that Mesos sends in streams, and the one that clients do."""


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a payload says. `value` is a message or a struct of its shape, if it is known.

    Offsets in the remarks count within the payload.
    """

    type: str | None = None
    value: Any = None
    remarks: tuple[Remark, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether the payload is such a message, if perhaps one of the future."""
        return all(remark.level != "malformed" for remark in self.remarks)


def kin(message: str) -> tuple[str, ...]:
    """Name the messages that may have come instead: from another server, or to one."""
    sort = message.rpartition(".")[2]
    if sort == "Response":
        return tuple(api.response for api in APIS if api.response is not None)
    return tuple(api.call for api in APIS) if sort == "Call" else STREAMED


def type_names(message: str) -> Mapping[str, object]:
    """Give the names that the type of a message may have, as keys."""
    enum = message_class(message).DESCRIPTOR.fields_by_name["type"].enum_type
    assert enum is not None
    return enum.values_by_name


def bad(reason: str, text: str, kind: str | None = None) -> Content:
    """Say what is malformed."""
    return Content(kind, None, (Remark(reason, text),))
