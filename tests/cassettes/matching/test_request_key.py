"""Keys of calls: equal if they mean the same, whatever their encoding."""

import pytest
from support.default_values import spelled_out, stripped
from support.playback_cassettes import JSON, PROTOBUF, request
from support.sample_messages import Builder

from mesotape.cassettes.matching.request_key import parse_request
from mesotape.proto.api.apis import APIS
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.mapping import encode

CALLS = [(api, name) for api in APIS for name in api.call_types]


@pytest.mark.parametrize(("api", "name"), CALLS, ids=[f"{api.name}-{name}" for api, name in CALLS])
def test_a_call_has_one_key_in_both_encodings_with_defaults_and_without(api, name):
    message = message_class(api.call_message)()
    Builder(0, everything=True).fill_kind(message, name)
    bodies = [
        (stripped(message).SerializeToString(), PROTOBUF),
        (spelled_out(message).SerializeToString(), PROTOBUF),
        (encode(stripped(message), include_defaults=False), JSON),
        (encode(spelled_out(message)), JSON),
    ]
    keys = {
        parse_request(request(body, path=f"/{api.route}", content_type=media_type), api.server).key
        for body, media_type in bodies
    }
    (key,) = keys
    assert (key.api, key.call_name) == (api.name, name)
