"""Calls as they come in bodies, in either encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import descriptors, json_reader, mapping
from ..messages.fields import call_type
from .apis import Api, CallType
from .negotiation import JSON, PROTOBUF

if TYPE_CHECKING:
    from google.protobuf.message import Message


def read(body: bytes, content_type: str | None, api: Api) -> Message:
    """Decode one call. Raises ValueError where Mesos would refuse it (src/common/http.hpp).

    Nothing of the Content-Type is forgiven: a parameter or another case is another type.
    """
    if content_type == JSON:
        return mapping.decode(body, api.call)
    if content_type != PROTOBUF:
        raise ValueError(f"Content-Type is {content_type}, expected {JSON} or {PROTOBUF}")
    from google.protobuf.message import DecodeError

    try:
        message = descriptors.message_class(api.call).FromString(body)
    except DecodeError as error:
        raise ValueError(f"not a {api.call}: {error}") from error
    if not message.IsInitialized():
        missing = ", ".join(json_reader.missing(message))
        raise ValueError(f"not a {api.call}: missing required fields: {missing}")
    return message


def identify(body: bytes, content_type: str | None, api: Api) -> CallType | None:
    """The type of the call in a body, or None if there is none that Mesos knows."""
    try:
        return api.calls.get(call_type(read(body, content_type, api)) or "")
    except ValueError:
        return None
