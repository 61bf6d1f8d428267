"""The exchanges of cassettes as a playback adds them, each with its request, parsed."""

import contextlib
import gc
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import batched, chain
from typing import TYPE_CHECKING, NamedTuple

from ...proto.api import endpoints, negotiation
from ...proto.api.apis import AGENT, ServerKind
from ...proto.http.request import HttpRequest
from ..format.documents import INCOMPLETE_REQUEST, Exchange, PlacedError
from ..format.exchange_ref import ExchangeRef
from ..format.heads import is_sendable, response_faults, status_fault
from ..known_secrets.placeholders import PLACEHOLDER_BEGINNINGS
from ..matching.ignore_rules import IgnoreRules
from ..matching.recorded_request import recorded_request
from ..matching.request_key import ParsedRequest, parse_request
from ..redaction.rules import RULE_IDS, OwnRule, RuleSet
from ..storage.reader import Cassette

if TYPE_CHECKING:
    from ..redaction.comparing import SecretComparison

_CACHED_REQUESTS = 4096
"""Parsed requests that are kept, for equal ones."""

BATCH_EXCHANGES = 256
"""Exchanges that are read together."""


class RecordedExchange(NamedTuple):
    """A recorded exchange, without its bodies, and its request as the recorded server reads it."""

    ref: ExchangeRef
    cassette: Cassette
    exchange: Exchange
    request: HttpRequest
    parsed: ParsedRequest


def read_exchanges(
    cassettes: Sequence[Cassette],
    ignoring: IgnoreRules,
    rows_of: Callable[[int, Cassette], Sequence[int] | None] = lambda _, __: None,
) -> Iterator[RecordedExchange]:
    """Read the exchanges of cassettes, one after the other, but for requests that were cut off.

    `rows_of` returns which of a cassette to read, by their positions; None stands for all. Each
    step is done for a batch of them before the next step. All steps together use more code and data
    than the caches of a processor hold: done for one exchange after the other, they take half as
    long again.

    Raises CassetteError or OSError if a cassette cannot be read.
    """
    for number, cassette in enumerate(cassettes):
        cached = dict[object, ParsedRequest]()
        for heads in batched(cassette.exchange_heads(rows_of(number, cassette)), BATCH_EXCHANGES):
            yield from read_batch(number, cassette, heads, ignoring, cached)


def read_batch(
    number: int,
    cassette: Cassette,
    heads: Sequence[Exchange],
    ignoring: IgnoreRules,
    cached: dict[object, ParsedRequest],
) -> list[RecordedExchange]:
    """Return some exchanges of a cassette with their requests, parsed or `cached`."""
    exchanges = [exchange for exchange in heads if not _was_cut_off(exchange)]
    for exchange in exchanges:
        check_sendable(cassette, exchange)
    requests = [recorded_request(cassette, exchange) for exchange in exchanges]
    server = cassette.header.server
    parsed = [_parse_cached(request, server, ignoring, cached) for request in requests]
    return [
        RecordedExchange(ExchangeRef(number, exchange.exchange), cassette, exchange, request, key)
        for exchange, request, key in zip(exchanges, requests, parsed, strict=True)
    ]


def _was_cut_off(exchange: Exchange) -> bool:
    return exchange.response.status is None and exchange.request.malformed == INCOMPLETE_REQUEST


def _parse_cached(
    request: HttpRequest,
    server: ServerKind | None,
    ignoring: IgnoreRules,
    cached: dict[object, ParsedRequest],
) -> ParsedRequest:
    key = request.cache_key
    parsed = cached.get(key)
    if parsed is None:
        if len(cached) >= _CACHED_REQUESTS:
            cached.clear()
        parsed = cached[key] = parse_request(request, server, ignoring)
    return parsed


def is_streamed_request(head: HttpRequest, server: ServerKind | None) -> bool:
    """Return whether a request is streamed; only the operator API of an agent has such requests."""
    if head.method != b"POST" or head.header("content-type") != negotiation.RECORDIO:
        return False
    if endpoints.is_actor_message(head.text_headers):
        return False
    return endpoints.find_api(head.target.decode("latin-1"), server) is AGENT


def check_sendable(cassette: Cassette, exchange: Exchange) -> None:
    """Raise PlacedError if the head of a response cannot be sent as it is.

    The judge finds the same, with the line of the fault, but it does not examine large cassettes.
    """
    response = exchange.response
    if is_sendable(response):
        return
    faults = chain(response_faults(response), filter(None, [status_fault(response)]))
    for fault in faults:
        line = cassette.line_of_exchange(exchange.exchange)
        text = f"exchange {exchange.exchange}: {fault.text}"
        raise PlacedError(cassette.path, line, text)


def secret_comparison(
    cassettes: Sequence[Cassette], own_rules: Sequence[OwnRule] = ()
) -> "SecretComparison | None":
    """Return how requests with secrets are compared; None if no cassette has placeholders."""
    redacted = [
        cassette
        for cassette in cassettes
        if cassette.header.redaction and cassette.contains(PLACEHOLDER_BEGINNINGS)
    ]
    if not redacted:
        return None
    from ..redaction.comparing import SecretComparison

    ids = frozenset(rule for cassette in redacted for rule in cassette.header.redaction)
    own = tuple(rule for rule in own_rules if rule.id in ids)
    return SecretComparison(RuleSet(ids & frozenset(RULE_IDS), own))


@contextlib.contextmanager
def garbage_collector_off() -> Generator[None]:
    """Disable the garbage collector while exchanges are added; nothing of them becomes garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
