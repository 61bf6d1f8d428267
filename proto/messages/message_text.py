"""Protobuf messages as text that gives their bytes back.

The text is Mesos JSON, with one difference: Mesos also writes fields that are not set but have a
default, and from such text the bytes could not be told. So only the fields that are set are shown;
what is left out reads as its default anyway.
"""

from . import descriptors, mapping


def message_to_text(data: bytes, name: str) -> tuple[bytes, bool]:
    """Decode a message; return its compact text, and whether the text gives the bytes back.

    It does unless the message has unknown fields, or was written in another order than that of the
    field numbers. Raises LookupError if there is no such message; ValueError or protobuf's Error if
    it does not decode, or misses a required field, or has text that is not UTF-8.
    """
    message = descriptors.message_class(name)()
    message.ParseFromString(data)
    message.DiscardUnknownFields()
    again = message.SerializeToString(deterministic=True)
    return mapping.encode(message, include_defaults=False), again == data


def text_to_message_bytes(text: bytes, name: str) -> bytes:
    """Give the bytes of a shown message back. Raises as `shown_message` does.

    Maps are sorted, so that the same text gives the same bytes. In what real servers send, fields
    are in the order of their numbers, as here.
    """
    return mapping.decode(text, name).SerializeToString(deterministic=True)
