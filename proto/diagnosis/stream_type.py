"""The message and the encoding of the records of a stream, as far as they are known.

Each that is not given is learned from the first valid records.
"""

from collections.abc import Callable

from ..api.negotiation import Encoding
from ..messages.fast_conversion import PlainRecordReader, plain_record_reader
from ..messages.summary_fields import summary_text
from ..shown_text import escape_line
from . import json_content, protobuf_content
from .content import PayloadContent
from .json_content import is_json_object
from .message_guess import MessageGuesser
from .problems import Diagnostic


class StreamType:
    """The message, by its full name, and the encoding of one stream; None until they are known."""

    def __init__(self, message: str | None, encoding: Encoding | None) -> None:
        self.message_name = message
        self.encoding: Encoding | None = encoding
        self._guesser = MessageGuesser()
        self._examined: tuple[bytes, str | None, Encoding] | None = None
        self._content = PayloadContent()

    def examine(self, payload: bytes) -> PayloadContent:
        """Return the content of a record."""
        if not payload:
            problem = Diagnostic("empty-record", "record is empty", 0, 0)
            return PayloadContent(diagnostics=(problem,))
        encoding = self.encoding
        if encoding is None:
            encoding = "json" if payload[:1] in (b"{", b"[") else "protobuf"
        return self._examine(payload, self.message_name, encoding)

    def plain_record_reader(self) -> PlainRecordReader | None:
        """Return the compiled reader of records; None without it. Message and encoding are known.

        `examine` finds nothing wrong with what it reads, and the same types and values.
        """
        assert self.message_name is not None
        return plain_record_reader(self.message_name, is_json=self.encoding == "json")

    def record_judge(self, *, is_listed: bool) -> Callable[[bytes], tuple[str, str] | None]:
        """Return a function that returns the type of a record, and its summary if `is_listed`.

        It returns None if `examine` finds a diagnostic, or no type. Message and encoding are known.
        """
        message = self.message_name
        assert message is not None

        def judge(payload: bytes) -> tuple[str, str] | None:
            content = self.examine(payload)
            if content.value is None or content.type is None or content.diagnostics:
                return None
            if not is_listed:
                return content.type, ""
            return content.type, escape_line(summary_text(content.value, message, content.type))

        return judge

    def learn_from_record(self, payload: bytes, content: PayloadContent) -> None:
        """Infer the encoding and the message from a valid record, unless they are known."""
        if self.encoding is None:
            self.encoding = "json" if payload[:1] == b"{" else "protobuf"
        if self.message_name is None and self.encoding == "json":
            self.message_name = self._guesser.narrow_candidates(content.value)

    def is_valid_payload(self, payload: bytes) -> bool | None:
        """Return whether a payload is a JSON object or a message with a type; None: unknown."""
        if self._is_object(payload):
            return True
        if self.encoding == "json":
            return False
        return None if self.message_name is None else self._is_message(payload, self.message_name)

    def is_record_with_wrong_length(self, payload: bytes, *, at_stream_end: bool) -> bool:
        """Return whether skipped bytes are a payload of which only the length is wrong.

        Protobuf that is cut off by the end of the stream often decodes, so it proves nothing there.
        """
        if self._is_object(payload):
            return True
        if self.encoding == "json" or self.message_name is None or at_stream_end or not payload:
            return False
        return self._is_message(payload, self.message_name)

    def _is_object(self, payload: bytes) -> bool:
        return self.encoding != "protobuf" and is_json_object(payload)

    def _is_message(self, payload: bytes, message: str) -> bool:
        content = self._examine(payload, message, "protobuf")
        return content.is_valid and content.type is not None

    def _examine(self, payload: bytes, message: str | None, encoding: Encoding) -> PayloadContent:
        """Examine a payload, which often is the one that was examined just before."""
        if self._examined != (payload, message, encoding):
            self._content = examine_payload(payload, message, encoding)
            self._examined = payload, message, encoding
        return self._content


def examine_payload(payload: bytes, message: str | None, encoding: Encoding) -> PayloadContent:
    """Return the content of a payload that should be a message, by its full name.

    If `message` is None, JSON only has to be an object, and of protobuf nothing is known.
    """
    if encoding == "json":
        return json_content.examine(payload, message)
    if message is None:
        return PayloadContent()
    return protobuf_content.examine(payload, message)
