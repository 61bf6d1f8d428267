"""What the records of a stream are, as far as it is known: their message and their encoding.

What is not known at the beginning is learned from the first sound records.
"""

from ..api.negotiation import Encoding
from . import json_content, protobuf_content
from .content import Content
from .json_content import is_object
from .message_guess import Recogniser
from .problems import Remark


class Dialect:
    """`message` is a full name, or None; `encoding` is None until a sound record tells."""

    def __init__(self, message: str | None, encoding: Encoding | None) -> None:
        self.message = message
        self.encoding: Encoding | None = encoding
        self._recogniser = Recogniser()

    def content(self, payload: bytes) -> Content:
        """Look at what a record says."""
        if not payload:
            return Content(None, None, (Remark("empty-record", "record is empty", 0, 0),))
        if self.encoding is not None:
            return examine(payload, self.message, self.encoding)
        if payload[:1] in (b"{", b"["):
            return examine(payload, self.message, "json")
        return examine(payload, self.message, "protobuf")

    def learn(self, payload: bytes, content: Content) -> None:
        """Take from a sound record what is not known yet."""
        if self.encoding is None:
            self.encoding = "json" if payload[:1] == b"{" else "protobuf"
        if self.message is None and self.encoding == "json":
            self.message = self._recogniser.see(content.value)

    def says(self, payload: bytes) -> bool | None:
        """Whether a payload says something; None if nobody can tell."""
        if self._is_object(payload):
            return True
        if self.encoding == "json":
            return False
        return None if self.message is None else self._is_message(payload, self.message)

    def holds(self, payload: bytes, *, ended: bool) -> bool:
        """Whether skipped bytes are a record of which only the length is wrong.

        `ended` tells that the stream ends behind them.
        """
        if self._is_object(payload):
            return True
        if self.encoding == "json" or self.message is None or ended or not payload:
            return False
        return self._is_message(payload, self.message)

    def _is_object(self, payload: bytes) -> bool:
        return self.encoding != "protobuf" and is_object(payload)

    def _is_message(self, payload: bytes, message: str) -> bool:
        content = examine(payload, message, "protobuf")
        return content.is_sound and content.type is not None


def examine(payload: bytes, message: str | None, encoding: Encoding) -> Content:
    """Look at a payload; with `message` None, JSON only has to be an object."""
    if encoding == "json":
        return json_content.examine(payload, message)
    if message is None:
        return Content()
    return protobuf_content.examine(payload, message)
