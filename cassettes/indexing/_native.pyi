from array import array

INTERFACE: int

# The heads of documents: see DocumentHeads, StreamHeads and EndHead in document_heads.py.
type _Stream = tuple[int, bool, int, int, int, int, float, float, bool]
type _End = tuple[int, bool, int, float]

def read_heads(
    start: int, first_document: int, text: bytes, /
) -> tuple[bytes, bytes, list[_Stream], bytes, bytes, bytes, float, int, list[_End]] | None: ...
def read_outlines(
    text: bytes, offsets: memoryview, groups: dict[bytes, int], /
) -> tuple[bytes, bytes, bytes, bytes]: ...
def is_ascending(column: array[int] | array[float], strictly: bool, /) -> bool: ...
def rows_by_group(groups: array[int], group_count: int, /) -> list[bytes]: ...
