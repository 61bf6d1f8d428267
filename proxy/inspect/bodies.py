"""Bodies as text."""

import contextlib

import msgspec

from ...proto.messages import mapping


def format_body(body: bytes, message: str | None) -> str:
    """Format a body: JSON and protobuf as indented JSON, text unchanged, bytes as hex."""
    if message is not None and not body.startswith(b"{"):
        with contextlib.suppress(ValueError):
            body = mapping.encode(mapping.decode_protobuf(body, message), include_defaults=False)
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (ValueError, RecursionError):
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.hex(" ", 4)
