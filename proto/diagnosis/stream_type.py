"""What the records of a stream are, as far as it is known: their message and their encoding.

What is not known at the beginning is learned from the first sound records.
"""

from ..api.negotiation import Encoding
from . import json_content, protobuf_content
from .content import PayloadContent
from .json_content import is_json_object
from .message_guess import MessageGuesser
from .problems import Diagnostic


class StreamType:
    """`message` is a full name, or None; `encoding` is None until a sound record tells."""

    def __init__(self, message: str | None, encoding: Encoding | None) -> None:
        self.message_name = message
        self.encoding: Encoding | None = encoding
        self._recogniser = MessageGuesser()

    def examine(self, payload: bytes) -> PayloadContent:
        """Look at what a record says."""
        if not payload:
            return PayloadContent(
                None, None, (Diagnostic("empty-record", "record is empty", 0, 0),)
            )
        if self.encoding is not None:
            return examine_payload(payload, self.message_name, self.encoding)
        if payload[:1] in (b"{", b"["):
            return examine_payload(payload, self.message_name, "json")
        return examine_payload(payload, self.message_name, "protobuf")

    def learn_from_record(self, payload: bytes, content: PayloadContent) -> None:
        """Take from a sound record what is not known yet."""
        if self.encoding is None:
            self.encoding = "json" if payload[:1] == b"{" else "protobuf"
        if self.message_name is None and self.encoding == "json":
            self.message_name = self._recogniser.narrow_candidates(content.value)

    def is_valid_payload(self, payload: bytes) -> bool | None:
        """Whether a payload says something; None if nobody can tell."""
        if self._is_object(payload):
            return True
        if self.encoding == "json":
            return False
        return None if self.message_name is None else self._is_message(payload, self.message_name)

    def is_record_with_wrong_length(self, payload: bytes, *, at_stream_end: bool) -> bool:
        """Whether skipped bytes are a record of which only the length is wrong.

        `ended` tells that the stream ends behind them.
        """
        if self._is_object(payload):
            return True
        if self.encoding == "json" or self.message_name is None or at_stream_end or not payload:
            return False
        return self._is_message(payload, self.message_name)

    def _is_object(self, payload: bytes) -> bool:
        return self.encoding != "protobuf" and is_json_object(payload)

    def _is_message(self, payload: bytes, message: str) -> bool:
        content = examine_payload(payload, message, "protobuf")
        return content.is_valid and content.type is not None


def examine_payload(payload: bytes, message: str | None, encoding: Encoding) -> PayloadContent:
    """Look at a payload; with `message` None, JSON only has to be an object."""
    if encoding == "json":
        return json_content.examine(payload, message)
    if message is None:
        return PayloadContent()
    return protobuf_content.examine(payload, message)
