from array import array
from collections.abc import Callable

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
