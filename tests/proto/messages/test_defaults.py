"""Fields that are set to their default, against fields that are left out."""

import pytest
from support.default_values import spelled_out, stripped
from support.sample_messages import Builder

from mesotape.proto.api.apis import APIS
from mesotape.proto.messages.defaults import (
    PRESENCE_COUNTS,
    fields_with_default,
    without_defaults,
)
from mesotape.proto.messages.descriptors import message_class, reachable_types
from mesotape.proto.messages.mapping import decode

TYPES = {
    descriptor.full_name: descriptor
    for api in APIS
    for descriptor in reachable_types(message_class(api.call_message).DESCRIPTOR)
}
"""The message types of calls."""

TASK = '{{"name":"t","task_id":{{"value":"t"}},"agent_id":{{"value":"a"}},"command":{}}}'

EQUAL = {
    "an empty message": ("mesos.v1.Filters", "{}", '{"refuse_seconds":5.0}'),
    "an enum": (
        "mesos.v1.Environment",
        '{"variables":[{"name":"a","value":"b"}]}',
        '{"variables":[{"name":"a","value":"b","type":"VALUE"}]}',
    ),
    "a list in a message": (
        "mesos.v1.TaskInfo",
        TASK.format('{"uris":[{"value":"u"}]}'),
        TASK.format('{"uris":[{"value":"u","extract":true}],"shell":true}'),
    ),
    "filters that are left out": (
        "mesos.v1.scheduler.Call",
        '{"type":"DECLINE","decline":{"offer_ids":[{"value":"o"}]}}',
        '{"type":"DECLINE","decline":{"offer_ids":[{"value":"o"}],"filters":{}}}',
    ),
    "filters with their default": (
        "mesos.v1.scheduler.Call",
        '{"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}]}}',
        '{"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}],"filters":{"refuse_seconds":5}}}',
    ),
    "an empty list": (
        "mesos.v1.scheduler.Call",
        '{"type":"REVIVE","revive":{}}',
        '{"type":"REVIVE","revive":{"roles":[]}}',
    ),
    "a field of proto3": (
        "mesos.v1.master.Call",
        '{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},'
        '"max_grace_period":{"seconds":1}}}',
        '{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},'
        '"max_grace_period":{"seconds":1,"nanos":0},"mark_gone":false}}',
    ),
}

RESOURCE = '{{"name":"cpus","type":"SCALAR","scalar":{{"value":1}}{}}}'

DIFFERENT = {
    "another value": ("mesos.v1.Filters", "{}", '{"refuse_seconds":5.1}'),
    "the role of a framework": (
        "mesos.v1.FrameworkInfo",
        '{"user":"u","name":"n"}',
        '{"user":"u","name":"n","role":"*"}',
    ),
    "the role of a resource": (
        "mesos.v1.Resource",
        RESOURCE.format(""),
        RESOURCE.format(',"role":"*"'),
    ),
    "the network of a Docker container": (
        "mesos.v1.ContainerInfo",
        '{"type":"DOCKER","docker":{"image":"i"}}',
        '{"type":"DOCKER","docker":{"image":"i","network":"HOST"}}',
    ),
    "an empty message": (
        "mesos.v1.scheduler.Call",
        '{"type":"RECONCILE"}',
        '{"type":"RECONCILE","reconcile":{}}',
    ),
    "a message with nothing but defaults": (
        "mesos.v1.TaskInfo",
        '{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"a"}}',
        TASK.format('{"shell":true}'),
    ),
    "a field without a declared default": (
        "mesos.v1.agent.Call",
        '{"type":"READ_FILE","read_file":{"path":"/","offset":0}}',
        '{"type":"READ_FILE","read_file":{"path":"/","offset":0,"length":0}}',
    ),
}


@pytest.mark.parametrize("case", EQUAL)
def test_a_default_means_the_same_as_leaving_it_out(case):
    name, left_out, written = EQUAL[case]
    left_out, written = decode(left_out.encode(), name), decode(written.encode(), name)
    assert without_defaults((written,)) == without_defaults((left_out,))


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_mesos_distinguishes_stays_different(case):
    name, one, other = DIFFERENT[case]
    one, other = decode(one.encode(), name), decode(other.encode(), name)
    assert without_defaults((one,)) != without_defaults((other,))


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_declared_default_of_a_call_is_dropped(name):
    declared = [field for field in TYPES[name].fields if field.has_default_value]
    dropped = {field.full_name for field in fields_with_default(TYPES[name])}
    assert dropped == {field.full_name for field in declared} - PRESENCE_COUNTS
    message = message_class(name)()
    for field in declared:
        setattr(message, field.name, field.default_value)
    (without,) = without_defaults((message,))
    assert {field.full_name for field, _ in without.ListFields()} <= PRESENCE_COUNTS


def test_fields_whose_presence_counts_have_a_default():
    declared = {f.full_name for each in TYPES.values() for f in each.fields if f.has_default_value}
    assert declared >= PRESENCE_COUNTS


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_defaults_are_dropped_at_any_depth_and_the_given_message_is_not_changed(api):
    message = message_class(api.call_message)()
    Builder(0, everything=True).fill(message)
    written, left_out = spelled_out(stripped(message)), stripped(message)
    assert written != left_out
    assert without_defaults((written,)) == without_defaults((left_out,))
    assert written == spelled_out(stripped(message))


def test_messages_without_defaults_are_returned_as_they_are():
    messages = (decode(b'{"refuse_seconds":1}', "mesos.v1.Filters"),)
    assert without_defaults(messages) is messages
