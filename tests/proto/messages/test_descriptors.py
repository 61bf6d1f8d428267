import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from support.paths import DATA

import mesotape.proto
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import (
    UNDECLARED_FIELDS,
    child_messages,
    map_value_field,
    message_class,
    reachable_types,
)

PROTO = Path(mesotape.proto.__file__).parent
SHIPPED = FileDescriptorSet.FromString((PROTO / "mesos.binpb").read_bytes())
SCHEMA = json.loads(gzip.decompress((DATA / "mesos-v1-schema.json.gz").read_bytes()))


def test_the_shipped_descriptors_are_those_of_the_proto_files(tmp_path: Path) -> None:
    compiled = tmp_path / "mesos.binpb"
    sources = sorted(str(path.relative_to(PROTO)) for path in (PROTO / "mesos").rglob("*.proto"))
    options = [f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={compiled}"]
    # In a process of its own: the compiler brings modules that would stay.
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *sources], check=True)
    assert FileDescriptorSet.FromString(compiled.read_bytes()) == SHIPPED


# Descriptors in the terms of the schema table.

LABELS = {1: "optional", 2: "required", 3: "repeated"}


def described_file(file: FileDescriptorProto) -> dict[str, Any]:
    return {
        "path": file.name,
        "package": file.package,
        "syntax": file.syntax or "proto2",
        "imports": list(file.dependency),
        "messages": [described_message(message, file.package) for message in file.message_type],
        "enums": [described_enum(enum, file.package) for enum in file.enum_type],
        "extensions": list(file.extension),
        "services": list(file.service),
    }


def described_message(message: DescriptorProto, scope: str) -> dict[str, Any]:
    name = f"{scope}.{message.name}"
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    assert not message.extension_range
    assert not message.reserved_range
    assert not message.reserved_name
    parts = {
        "fields": [described_field(field, message, entries) for field in message.field],
        "oneofs": [oneof.name for oneof in message.oneof_decl],
        "messages": [
            described_message(nested, name)
            for nested in message.nested_type
            if nested.name not in entries
        ],
        "enums": [described_enum(enum, name) for enum in message.enum_type],
    }
    present = {key: value for key, value in parts.items() if value or key == "fields"}
    return {"name": message.name, "full_name": name, **present}


def described_field(
    field: FieldDescriptorProto, message: DescriptorProto, entries: dict[str, DescriptorProto]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": field.name,
        "number": field.number,
        "label": LABELS[field.label],
        "type": type_name(field),
    }
    if field.type_name:
        row["type_name"] = field.type_name.removeprefix(".")
    if field.HasField("default_value"):
        row["default"] = typed_default(field)
    if field.HasField("oneof_index"):
        row["oneof"] = message.oneof_decl[field.oneof_index].name
    if field.options.HasField("packed"):
        row["packed"] = field.options.packed
    if field.options.deprecated:
        row["deprecated"] = True
    entry = entries.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = entry.field
        row["map"] = {"key_type": type_name(key), "value_type": type_name(value)}
        if value.type_name:
            row["map"]["value_type_name"] = value.type_name.removeprefix(".")
    return row


def type_name(field: FieldDescriptorProto) -> str:
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def typed_default(field: FieldDescriptorProto) -> object:
    match type_name(field):
        case "bool":
            return field.default_value == "true"
        case "double":
            return float(field.default_value)
        case "int32" | "uint32":
            return int(field.default_value)
        case _:
            return field.default_value


def described_enum(enum: EnumDescriptorProto, scope: str) -> dict[str, Any]:
    return {
        "name": enum.name,
        "full_name": f"{scope}.{enum.name}",
        "allow_alias": enum.options.allow_alias,
        "values": [
            {"name": value.name, "number": value.number}
            | ({"deprecated": True} if value.options.deprecated else {})
            for value in enum.value
        ],
    }


@pytest.mark.parametrize("file", SHIPPED.file, ids=lambda file: file.name)
def test_the_shipped_descriptors_are_those_of_mesos(file: FileDescriptorProto) -> None:
    table = {file["path"]: file for file in SCHEMA["files"] + SCHEMA["external_files"]}
    assert described_file(file) == table[file.name]


def test_no_file_of_mesos_is_missing() -> None:
    table = SCHEMA["files"] + SCHEMA["external_files"]
    assert {file.name for file in SHIPPED.file} == {file["path"] for file in table}


def names(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        yield message["full_name"]
        yield from names(message.get("messages", []))


def test_every_message_has_a_class() -> None:
    declared = [name for file in SCHEMA["files"] for name in names(file["messages"])]
    assert len(declared) == 351
    assert [message_class(name).DESCRIPTOR.full_name for name in declared] == declared


def test_a_class_is_made_once() -> None:
    name = "mesos.v1.master.Call"
    assert message_class(name) is message_class(name)


def test_a_name_that_is_not_a_message_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match=r"'mesos\.v1\.Nothing' is not a message"):
        message_class("mesos.v1.Nothing")


def test_undeclared_fields_of_servers_are_in_the_order_of_their_json() -> None:
    fields = [field.name for field in message_class("mesos.v1.AgentInfo").DESCRIPTOR.fields]
    assert fields[fields.index("id") + 1] == "checkpoint"
    agent = message_class("mesos.v1.AgentInfo").FromString(b"\x0a\x01h\x38\x01")
    assert [(field.name, value) for field, value in agent.ListFields()] == [
        ("hostname", "h"),
        ("checkpoint", True),
    ]
    assert [extra.message for extra in UNDECLARED_FIELDS] == ["mesos.v1.AgentInfo"]


def test_a_map_has_a_field_of_its_values_and_a_list_has_none() -> None:
    fields = message_class("mesos.v1.quota.QuotaConfig").DESCRIPTOR.fields_by_name
    limits = map_value_field(fields["limits"])
    assert limits is not None
    assert limits.message_type is not None
    assert limits.message_type.full_name == "mesos.v1.Value.Scalar"
    assert map_value_field(fields["role"]) is None
    tasks = message_class("mesos.v1.TaskGroupInfo").DESCRIPTOR.fields_by_name["tasks"]
    assert map_value_field(tasks) is None


def test_types_that_contain_themselves_are_reached_once() -> None:
    reached = [
        each.name for each in reachable_types(message_class("mesos.v1.ContainerID").DESCRIPTOR)
    ]
    assert reached == ["ContainerID"]
    quota = message_class("mesos.v1.quota.QuotaConfig").DESCRIPTOR
    names = sorted(each.name for each in reachable_types(quota))
    assert names == ["GuaranteesEntry", "LimitsEntry", "QuotaConfig", "Scalar"]


def test_children_are_numbered_in_lists_and_named_in_maps() -> None:
    text = b'{"role":"r","limits":{"mem":{"value":2},"cpus":{"value":1}}}'
    quota = mapping.decode(text, "mesos.v1.quota.QuotaConfig")
    children = [(each.field.name, each.position, each.key) for each in child_messages(quota)]
    assert children == [("limits", 0, "cpus"), ("limits", 1, "mem")]
    labels = mapping.decode(b'{"labels":[{"key":"a"},{"key":"b"}]}', "mesos.v1.Labels")
    assert [(each.position, each.key) for each in child_messages(labels)] == [(0, None), (1, None)]
    port = mapping.decode(b'{"number":1,"labels":{}}', "mesos.v1.Port")
    assert [(each.field.name, each.position) for each in child_messages(port)] == [("labels", None)]


OTHERS = """
from importlib.resources import files
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

def theirs():
    # What generated modules do when they are imported.
    pool = descriptor_pool.Default()
    data = files("mesotape.proto").joinpath("mesos.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(data).file:
        pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mesos.v1.AgentInfo"))

def ours():
    from mesotape.proto.messages.descriptors import message_class
    return message_class("mesos.v1.AgentInfo")

first, second = ({order})
Theirs, Ours = (first, second) if {theirs_first} else (second, first)
assert Ours is not Theirs
assert Ours(hostname="h", checkpoint=True).checkpoint
assert "checkpoint" not in Theirs.DESCRIPTOR.fields_by_name
assert Theirs.FromString(Ours(hostname="h").SerializeToString()).hostname == "h"
"""


@pytest.mark.parametrize("theirs_first", [True, False])
def test_generated_classes_of_the_same_names_do_not_clash(theirs_first: bool) -> None:
    order = "theirs(), ours()" if theirs_first else "ours(), theirs()"
    script = OTHERS.format(order=order, theirs_first=theirs_first)
    subprocess.run([sys.executable, "-c", script], check=True)


def test_importing_the_floor_does_not_import_protobuf() -> None:
    script = (
        "import sys; from mesotape.proto import recordio;"
        " from mesotape.proto.api import apis, endpoints, negotiation;"
        " from mesotape.proto.messages import descriptors, json_reader, json_writer, mapping;"
        " assert 'google' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
