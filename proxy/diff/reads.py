"""The recorded calls that may be sent to a running server: those that only read."""

from ...cassettes.matching.ignore_rules import IGNORE_NOTHING
from ...cassettes.matching.recorded_request import recorded_request
from ...cassettes.matching.request_key import ParsedRequest, RequestKey, parse_request
from ...cassettes.storage.reader import Cassette

_READING_VERBS = ("GET_", "LIST_", "READ_")


def select_reads(cassette: Cassette) -> list[int]:
    """Return the numbers of the exchanges that may be repeated, the last of those with equal calls.

    The last answer shows the state at the end of the recording. Raises CassetteError.
    """
    last: dict[RequestKey, int] = {}
    for exchange in cassette.exchange_heads():
        request = recorded_request(cassette, exchange)
        parsed = parse_request(request, cassette.header.server, IGNORE_NOTHING)
        if exchange.response.status is not None and is_read(parsed):
            last[parsed.key] = exchange.exchange
    return sorted(last.values())


def is_read(parsed: ParsedRequest) -> bool:
    """Return whether a request is a v1 call that changes nothing, and is answered at once.

    A call has to pass two tests: what the table of the APIs says of it, and its name.
    WAIT_CONTAINER changes nothing either, but it is answered when the container ends.
    """
    call_type = parsed.call_type
    return (
        call_type is not None
        and parsed.refusal is None
        and not parsed.is_mutating
        and not call_type.is_mutating
        and not call_type.causes_events
        and not call_type.has_streamed_request
        and call_type.response_message is not None
        and call_type.name.startswith(_READING_VERBS)
    )
