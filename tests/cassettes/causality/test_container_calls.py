"""Which container a call is about, and what it has to do with it."""

import pytest

from mesotape.cassettes.causality.container_calls import container_call_of
from mesotape.cassettes.matching.request_key import parse_request
from mesotape.proto.http.request import HttpRequest

NESTED = '{"value":"c","parent":{"value":"b","parent":{"value":"a"}}}'


def parsed(name, container_id):
    body = f'{{"type":"{name}","{name.lower()}":{{"container_id":{container_id}}}}}'
    headers = ((b"Content-Type", b"application/json"),)
    return parse_request(HttpRequest(b"POST", b"/api/v1", headers, body.encode()), "agent")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("ATTACH_CONTAINER_OUTPUT", "output"),
        ("WAIT_NESTED_CONTAINER", "wait"),
        ("WAIT_CONTAINER", "wait"),
        ("KILL_NESTED_CONTAINER", "kill"),
        ("KILL_CONTAINER", "kill"),
    ],
)
def test_a_call_names_its_container_after_the_containers_that_hold_it(name, role):
    about = container_call_of(parsed(name, NESTED))
    assert (about.role, about.container_name) == (role, "a.b.c")


def test_other_calls_are_about_no_container():
    assert container_call_of(parsed("REMOVE_NESTED_CONTAINER", NESTED)) is None
    assert container_call_of(parsed("GET_HEALTH", NESTED)) is None
