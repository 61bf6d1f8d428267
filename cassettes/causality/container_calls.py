"""Calls of an agent's operator API that are about one container, by what they have to do with it.

output   a stream of what its process writes
input    a streamed request: what is typed
wait     answered when its process has ended
kill     ends its process
"""

from typing import Literal, NamedTuple

from google.protobuf.message import Message

from ...proto.messages.fields import field_at
from ..matching.request_key import ParsedRequest

type ContainerRole = Literal["output", "input", "wait", "kill"]

_ROLES: dict[str, ContainerRole] = {
    "LAUNCH_NESTED_CONTAINER_SESSION": "output",
    "ATTACH_CONTAINER_OUTPUT": "output",
    "ATTACH_CONTAINER_INPUT": "input",
    "WAIT_NESTED_CONTAINER": "wait",
    "WAIT_CONTAINER": "wait",
    "KILL_NESTED_CONTAINER": "kill",
    "KILL_CONTAINER": "kill",
}


class ContainerCall(NamedTuple):
    """A call about a container. `container_id` is a `mesos.v1.ContainerID`."""

    role: ContainerRole
    container_id: Message

    @property
    def container_name(self) -> str:
        """The ids of the container and of its parents, outermost first: `parent.child`."""
        names: list[str] = []
        container_id: object = self.container_id
        while isinstance(container_id, Message):
            names.append(str(field_at(container_id, "value")))
            container_id = field_at(container_id, "parent")
        return ".".join(reversed(names))


def container_call_of(parsed: ParsedRequest) -> ContainerCall | None:
    """Return which container a call is about; None for other calls and requests."""
    name = "" if parsed.call_type is None else parsed.call_type.name
    if name not in _ROLES:
        return None
    container_id = field_at(parsed.calls[0], f"{name.lower()}.container_id")
    return ContainerCall(_ROLES[name], container_id) if isinstance(container_id, Message) else None
