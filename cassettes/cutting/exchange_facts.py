"""Who made which call: of each exchange of a cassette, what a cut has to know.

Exchanges are read without the bodies of their answers. A few hundred bytes are kept of each, and of
a call of a subscriber 24 bytes for each id in it.
"""

from collections.abc import Iterator

from msgspec import Struct

from ...proto.http.request import HttpRequest
from ..causality.causality import can_cause_events
from ..causality.identities import ClientIdentity, identify_client, program_of
from ..causality.subscriptions import Subscriptions, identify_subscriber
from ..format.documents import Exchange
from ..matching.recorded_request import recorded_request
from ..matching.request_key import ParsedRequest, parse_request
from ..matching.servers import authority_and_actor
from ..storage.reader import Cassette
from .answered_ids import AnsweredIds
from .choice import Choice

_MOST_READS = 16
"""Paths that a program has read before it subscribes: more are those of a dashboard."""


class ExchangeFacts(Struct, gc=False):
    """An exchange. `call` is the type of its call or, if it has none, its path.

    `record_message` is that of the events of a SUBSCRIBE that was accepted, which a cut may divide;
    any other stream stays whole. `is_chosen` leaves times and calls out of account. A call that
    `answers_event` has an id of it. `subscription` is the SUBSCRIBE that a call belongs to, and
    `reads_before` are the reads before a SUBSCRIBE by which its program prepared it, such as
    `GET /version`.
    """

    number: int
    at_seconds: float
    party: ClientIdentity
    call: str
    is_chosen: bool
    holds_events: bool
    answers_event: bool = False
    record_message: str | None = None
    subscription: int | None = None
    reads_before: tuple[int, ...] = ()


class FactReader:
    """Reads the facts of a cassette. `answered_ids` gets the ids of calls."""

    def __init__(self, cassette: Cassette, choice: Choice, answered_ids: AnsweredIds) -> None:
        self._cassette = cassette
        self._choice = choice
        self._answered_ids = answered_ids
        self._subscriptions = Subscriptions()
        self._latest: dict[ClientIdentity, int] = {}
        self._reads: dict[tuple[str | None, str | None], dict[str, int]] = {}
        self._parties: dict[ClientIdentity, ClientIdentity] = {}

    def read(self) -> Iterator[ExchangeFacts]:
        """Read the facts of all exchanges. Raises CassetteError."""
        for exchange in self._cassette.exchange_heads():
            request = recorded_request(self._cassette, exchange)
            parsed = parse_request(request, self._cassette.header.server)
            yield self._facts(exchange, request, parsed)

    def _facts(
        self, exchange: Exchange, request: HttpRequest, parsed: ParsedRequest
    ) -> ExchangeFacts:
        subscriber, subscriber_id, is_accepted = identify_subscriber(request, parsed), None, True
        if subscriber is not None:
            found = self._subscriptions.add_exchange(self._cassette, exchange, subscriber)
            subscriber_id, is_accepted = found or subscriber.subscriber_id, found is not None
        party = identify_client(0, exchange, request, parsed, subscriber_id)
        party = self._parties.setdefault(party, party)
        call_type, number = parsed.call_type, exchange.exchange
        facts = ExchangeFacts(
            number=number,
            at_seconds=exchange.at,
            party=party,
            call=parsed.path if call_type is None else call_type.name,
            is_chosen=self._is_chosen(exchange, request, party),
            holds_events=is_accepted
            and call_type is not None
            and can_cause_events(call_type, exchange),
            subscription=self._latest.get(party),
        )
        reads = self._reads.setdefault(program_of(exchange, request), {})
        if call_type is None and not parsed.is_mutating and len(reads) < _MOST_READS:
            reads[facts.call] = number
        if facts.call == "SUBSCRIBE" and call_type is not None:
            is_accepted = is_accepted and exchange.response.stream == "recordio"
            facts.record_message = call_type.record_message if is_accepted else None
            facts.subscription = None
            if is_accepted:
                facts.reads_before = tuple(reads.values())
                reads.clear()
                self._latest[party] = number
        elif facts.holds_events and parsed.is_mutating and self._choice.divides_parties:
            facts.answers_event = self._answered_ids.add_call(
                facts.party, number, exchange.at, parsed.calls
            )
        return facts

    def _is_chosen(self, exchange: Exchange, request: HttpRequest, party: ClientIdentity) -> bool:
        choice, server = self._choice, authority_and_actor(request)
        return (
            (
                not choice.clients
                or not {str(exchange.client), exchange.peer}.isdisjoint(choice.clients)
            )
            and (
                not choice.parties
                or not {str(party), party.name, party.kind}.isdisjoint(choice.parties)
            )
            and (
                not choice.servers or not {str(each) for each in server}.isdisjoint(choice.servers)
            )
        )
