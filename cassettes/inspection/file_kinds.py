"""How files of other tools begin."""

PACKET_CAPTURES = (
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x0a\x0d\x0d\x0a",
)
"""The first bytes of pcap and pcapng files."""


def is_flow_file(head: bytes) -> bool:
    """Return whether a file begins like a flow file: a mapping that begins with a short text."""
    length, colon, rest = head[:64].partition(b":")
    inner, second, key = rest.partition(b":")
    return bool(colon and second and length.isdigit() and inner.isdigit() and key[:1].isalpha())
