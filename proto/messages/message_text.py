"""Protobuf messages as text from which their bytes can be restored.

The text is Mesos JSON, with one difference: Mesos also writes unset fields that have a default, and
then the bytes could not be restored. So only the fields that are set are written; a reader uses
the defaults for the others anyway.
"""

from . import mapping


def message_to_text(data: bytes, name: str) -> tuple[bytes, bool]:
    """Decode a message; return its compact text, and whether the text restores the bytes.

    It does not if the message has unknown fields, or was not written in the order of the field
    numbers. Raises LookupError if there is no such message, ValueError if the data does not decode
    or has text that is not UTF-8, and protobuf's EncodeError if a required field is missing.
    """
    message = mapping.decode_protobuf(data, name)
    message.DiscardUnknownFields()
    restored = message.SerializeToString(deterministic=True)
    return mapping.encode(message, include_defaults=False), restored == data


def text_to_message_bytes(text: bytes, name: str) -> bytes:
    """Restore the bytes from a text of `message_to_text`.

    Fields are in the order of their numbers, as real servers write them, and maps are sorted, so
    that the same text gives the same bytes. Raises LookupError or ValueError.
    """
    return mapping.decode(text, name).SerializeToString(deterministic=True)
