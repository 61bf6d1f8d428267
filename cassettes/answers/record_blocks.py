r"""Many records of a stream at once: read, converted and framed as one piece of bytes.

    ---                                        5b\r\n
    event: 1                                   88\n{"type":"HEARTBEAT"}\r\n
    …                                   ->     5b\r\n
    ---                                        88\n{"type":"HEARTBEAT"}\r\n
    event: 2
    …

It is for records in the writer's layout that are due together, whatever they are. A record costs 3
µs this way instead of 13, and 0.3 for each further client of the stream: blocks are cached. Nothing
here explains what is wrong: a block in which anything is unusual is refused, and its records are
then read one by one.
"""

from collections.abc import Callable

from ...proto import recordio
from ..format.bodies import indented_body_encoder
from ..format.fast_reader import parse_event_bodies
from ..storage.event_blocks import EventBlock
from ..storage.reader import Cassette
from .answer import RecordBlock, encode_chunk
from .byte_cache import ByteCache

_CACHED_BYTES = 32 * 1024 * 1024
_MAX_CACHED_BLOCK_BYTES = 1024 * 1024

type BlockKey = tuple[object, ...]
"""What a block depends on besides its place: the exchange, and how its records are converted."""


class BlockCache:
    """The blocks that were sent last, shared by all clients."""

    def __init__(self) -> None:
        self._cache = ByteCache[tuple[BlockKey, int], RecordBlock](
            _CACHED_BYTES, _MAX_CACHED_BLOCK_BYTES
        )

    def render(
        self,
        cassette: Cassette,
        number: int,
        block: EventBlock,
        key: BlockKey,
        message: str | None,
        convert: Callable[[bytes], bytes] | None,
    ) -> RecordBlock | None:
        """Return a block of an exchange for clients; None if something in it is unusual.

        `message` is the full name of the records' message, and `convert` returns a record in the
        other encoding. Raises `CassetteError` if the file cannot be read, or was changed.
        """
        rendered = self._cache.get((key, block.first))
        if rendered is not None:
            cassette.check_unchanged()
            return rendered
        if not block.is_dense:
            return None
        payloads = _payloads(cassette.read_bytes(block.start, block.end), number, block, message)
        if payloads is None:
            return None
        try:
            if convert is not None:
                payloads = list(map(convert, payloads))
        except Exception:  # When it is read alone, the error has the place of the record.
            return None
        data = b"".join([encode_chunk(recordio.encode(payload)) for payload in payloads])
        rendered = RecordBlock(data, len(payloads))
        self._cache.put((key, block.first), rendered, len(data))
        return rendered


def _payloads(
    data: bytes, number: int, block: EventBlock, message: str | None
) -> list[bytes] | None:
    bodies = parse_event_bodies(data, number)
    if bodies is None or len(bodies) != block.count:
        return None
    encoders = {form: indented_body_encoder(form, message) for form in {form for form, _ in bodies}}
    try:
        return [encoders[form](text) for form, text in bodies]
    except Exception:
        return None
