"""What the payload of a record says, in either encoding.

examine(b'{"type":"HEARTBEAT"}', "mesos.v1.master.Event", "json").type  ->  "HEARTBEAT"
"""

from ..api.negotiation import Encoding
from . import json_content, protobuf_content
from .content import Content


def examine(payload: bytes, message: str | None, encoding: Encoding) -> Content:
    """Look at a payload; with `message` None, JSON only has to be an object."""
    if encoding == "json":
        return json_content.examine(payload, message)
    if message is None:
        return Content()
    return protobuf_content.examine(payload, message)
