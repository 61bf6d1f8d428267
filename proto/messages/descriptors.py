"""The message classes of the Mesos v1 APIs, from the descriptors that ship in mesos.binpb.

They live in a pool of their own: a process that has generated Mesos classes already, under the same
file names and full names, keeps those in the default pool, and neither side notices the other.
Nothing is loaded before the first class is asked for.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

_DESCRIPTOR_SET = Path(__file__).parents[1] / "mesos.binpb"


class UndeclaredField(NamedTuple):
    """An optional bool that real servers send and the public .proto files do not declare.

    `after` is the field behind which it stands in the JSON of those servers.
    """

    message: str
    name: str
    number: int
    after: str


UNDECLARED_FIELDS = (
    # In SlaveInfo of the private mesos.proto; the v1 answers are written from it
    # (src/common/http.cpp, src/internal/evolve.cpp).
    UndeclaredField("mesos.v1.AgentInfo", "checkpoint", 7, after="id"),
)


@cache
def message_class(full_name: str) -> type[Message]:
    """Find a message class by a name such as `mesos.v1.master.Call`, or raise LookupError."""
    from google.protobuf.message_factory import GetMessageClass

    try:
        return GetMessageClass(_pool().FindMessageTypeByName(full_name))
    except KeyError:
        raise LookupError(f"{full_name!r} is no message of the Mesos v1 APIs") from None


@cache
def _pool() -> DescriptorPool:
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    for file in read_descriptor_set().file:
        pool.Add(file)
    return pool


def read_descriptor_set() -> FileDescriptorSet:
    """Read the files that ship, each behind those it imports, and add the undeclared fields."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

    shipped = FileDescriptorSet.FromString(_DESCRIPTOR_SET.read_bytes())
    messages = {f"{file.package}.{m.name}": m for file in shipped.file for m in file.message_type}
    for extra in UNDECLARED_FIELDS:
        fields = messages[extra.message].field
        place = 1 + next(i for i, field in enumerate(fields) if field.name == extra.after)
        field = FieldDescriptorProto(
            name=extra.name,
            number=extra.number,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            type=FieldDescriptorProto.TYPE_BOOL,
        )
        fields.insert(place, field)
    return shipped
