from array import array
from collections.abc import Callable

INTERFACE: int

# A field: `"name":` of JSON, number, type, is repeated, is required, is hidden, has no presence,
# index of its oneof or -1, what is written if it is unset, the message type or the enum values.
type FieldDescription = tuple[
    bytes,
    int,
    int,
    bool,
    bool,
    bool,
    bool,
    int,
    bytes,
    MessageType | tuple[tuple[int, bytes], ...] | None,
]

class MessageType:
    def __init__(
        self,
        describe: Callable[[], tuple[FieldDescription, ...]],
        format_double: Callable[[float], str],
    ) -> None: ...
    def to_json(self, data: bytes) -> tuple[bytes, bool] | None: ...
    def to_indented_json(self, data: bytes) -> bytes | None: ...
    def to_protobuf(self, text: bytes) -> bytes | None: ...
    def digest_rows(
        self,
        block: bytes,
        begin: int,
        starts: array[int],
        sizes: array[int],
        rows: memoryview,
        bare: bytes,
        tag: bytes,
        may_be_bare: bool,
        /,
    ) -> tuple[bytes, bytes]: ...

def sort_numbers(numbers: array[int], /) -> None: ...

# A type: its name, the same in bytes, and the field that its messages have to have, or b"".
type RecordType = tuple[str, bytes, bytes]

# The members of an object: name, index of the object or -1, index of the value or -1.
type SummaryMembers = tuple[tuple[bytes, int, int], ...]

# A label: its text, its rank or 0, and whether its value is the length of a list.
type SummaryLabel = tuple[bytes, int, bool]

class RecordReader:
    def __init__(
        self,
        message: MessageType,
        is_json: bool,
        types: tuple[RecordType, ...],
        describe: Callable[[str], tuple[tuple[SummaryMembers, ...], tuple[SummaryLabel, ...]]],
    ) -> None: ...
    def read(
        self,
        data: bytes,
        position: int,
        max_bytes: int,
        sizes: dict[str, list[int]],
        records: list[tuple[str, int, str]] | None,
    ) -> tuple[int, str | None]: ...
