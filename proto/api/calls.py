"""Calls in request bodies, in either encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages.fields import type_enum_name
from ..messages.mapping import decode_message
from .apis import Api, CallType
from .negotiation import ENCODINGS, JSON, PROTOBUF

if TYPE_CHECKING:
    from google.protobuf.message import Message


def decode_call(body: bytes, content_type: str | None, api: Api) -> Message:
    """Decode one call. Raises ValueError where Mesos would refuse it (src/common/http.hpp).

    The Content-Type is compared exactly: with a parameter or in another case it is another type.
    """
    encoding = ENCODINGS.get(content_type)
    if encoding is None:
        raise ValueError(f"Content-Type is {content_type}, expected {JSON} or {PROTOBUF}")
    return decode_message(body, api.call_message, encoding)


def identify_call_type(body: bytes, content_type: str | None, api: Api) -> CallType | None:
    """Return the type of the call in a body, or None if it is not a call that Mesos knows."""
    try:
        return api.call_types.get(type_enum_name(decode_call(body, content_type, api)) or "")
    except ValueError:
        return None
