"""Tell the format of a file by its first bytes."""

import re
from typing import Literal

from ..inspection.capture_detection import has_http_framing
from ..inspection.file_kinds import PACKET_CAPTURES, is_flow_file

type ImportFormat = Literal["har", "jsonl", "flow", "vcr", "http", "pcap", "recordio"]

HEAD_BYTES = 1 << 16
"""The bytes that tell."""

_FIRST_KEY = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(\w+)"')
_JSON_FORMATS: dict[bytes, ImportFormat] = {
    b"log": "har",
    b"mesotape": "jsonl",
    b"version": "vcr",
    b"interactions": "vcr",
}
_VCR_YAML = re.compile(rb"(?:^|\n)(?:interactions:|- request:|version: 1)", re.MULTILINE)
_RECORD = re.compile(rb"[0-9]{1,20}\n")


def detect_format(head: bytes, *, is_whole: bool) -> ImportFormat | None:
    """Return the format of a file that begins with `head`; None if it is none of them."""
    if (key := _FIRST_KEY.match(head)) is not None:
        return _JSON_FORMATS.get(key[1])
    if head.startswith(PACKET_CAPTURES):
        return "pcap"
    if is_flow_file(head):
        return "flow"
    if has_http_framing(head, is_whole=is_whole):
        return "http"
    if _RECORD.match(head):
        return "recordio"
    return "vcr" if _VCR_YAML.search(head) and b"mesotape:" not in head else None
