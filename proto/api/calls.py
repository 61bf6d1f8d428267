"""Calls as they come in bodies, in either encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import descriptors, json_reader, mapping
from ..messages.fields import type_enum_name
from .apis import Api, CallType
from .negotiation import JSON, PROTOBUF

if TYPE_CHECKING:
    from google.protobuf.message import Message


def decode_call(body: bytes, content_type: str | None, api: Api) -> Message:
    """Decode one call. Raises ValueError where Mesos would refuse it (src/common/http.hpp).

    Nothing of the Content-Type is forgiven: a parameter or another case is another type.
    """
    if content_type == JSON:
        return mapping.decode(body, api.call_message)
    if content_type != PROTOBUF:
        raise ValueError(f"Content-Type is {content_type}, expected {JSON} or {PROTOBUF}")
    from google.protobuf.message import DecodeError

    try:
        message = descriptors.message_class(api.call_message).FromString(body)
    except DecodeError as error:
        raise ValueError(f"not a {api.call_message}: {error}") from error
    if not message.IsInitialized():
        missing = ", ".join(json_reader.missing_required_fields(message))
        raise ValueError(f"not a {api.call_message}: missing required fields: {missing}")
    return message


def identify_call_type(body: bytes, content_type: str | None, api: Api) -> CallType | None:
    """The type of the call in a body, or None if there is none that Mesos knows."""
    try:
        return api.call_types.get(type_enum_name(decode_call(body, content_type, api)) or "")
    except ValueError:
        return None
