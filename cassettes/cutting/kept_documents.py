"""Select the documents of a cassette that a cut keeps: what was chosen, and what that needs.

    SUBSCRIBE, SUBSCRIBED          of each stream of which an event is kept, of each call kept
    ACCEPT, ACKNOWLEDGE, DECLINE   that answer an event that is kept; the events they answer
    REVIVE, TEARDOWN, …            within the times chosen, before an event chosen, or an end, that
                                   they hold
    GET /version, …                the last of each before the SUBSCRIBE of the same program
    HEARTBEAT                      within the times chosen, of each stream kept: a client gives up a
                                   stream without
    a session of a container       all of it: its output depends on its input

Other streams than those of a SUBSCRIBE are kept in whole, if their request or one of their events
is chosen.
"""

from collections.abc import Callable, Iterator

from ..causality.identities import ClientIdentity
from ..storage.reader import Cassette
from .answered_ids import NO_DOCUMENT, AnsweredIds
from .choice import Choice
from .exchange_facts import ExchangeFacts, FactReader
from .fact_table import FactTable
from .head_reader import DocumentHead, event_message, event_type, read_heads

_LEFT_OUT, _CHOSEN, _NEEDED, _WITH_STREAM = range(4)
"""Marks of events: first records, and heartbeats, are kept if something else of their stream is."""

_PASSES = 2


class KeptDocuments:
    """The documents that are kept, and those of them that were chosen.

    `exchanges` and `chosen_exchanges` are numbers of exchanges. `streams` are the streams that a
    cut may divide, with the name of the message of their events. `parties` are all parties.
    """

    def __init__(
        self, cassette: Cassette, choice: Choice, on_progress: Callable[[int], None]
    ) -> None:
        self.exchanges = set[int]()
        self._cassette = cassette
        self._choice = choice
        self._on_progress = on_progress
        self._passes = 0
        self._answered_ids = AnsweredIds()
        reader = FactReader(cassette, choice, self._answered_ids)
        self._facts = FactTable(reader.read())
        self.parties = self._facts.parties
        self.streams = self._facts.streams
        self._marks = bytearray(cassette.document_count)
        self._first_records: dict[int, int] = {}
        self._last_chosen: dict[ClientIdentity, float] = {}
        self._choose()
        self.chosen_exchanges = frozenset(self.exchanges)
        if self.exchanges:
            self._keep_what_is_needed()

    def is_kept(self, head: DocumentHead) -> bool:
        """Return whether an event or an exchange is kept."""
        if head.of not in self.exchanges:
            return False
        return (
            head.kind == "exchange"
            or not self.is_divided(head)
            or self._marks[head.document] != _LEFT_OUT
        )

    def is_chosen(self, head: DocumentHead) -> bool:
        """Return whether an event that is kept was chosen."""
        if self.is_divided(head):
            return self._marks[head.document] == _CHOSEN
        return head.of in self.chosen_exchanges

    def is_divided(self, head: DocumentHead) -> bool:
        """Return whether an event is of a stream of which only a part may be kept."""
        return head.side == "server" and head.of in self.streams

    def _choose(self) -> None:
        for facts in self._facts:
            if self._is_chosen_at(facts, facts.at_seconds):
                self.exchanges.add(facts.number)
        for head in self._events():
            facts = self._facts.get(head.of)
            if facts is None:
                continue
            if not self.is_divided(head):
                if self._is_chosen_at(facts, head.at_seconds):
                    self.exchanges.add(head.of)
                continue
            if head.of not in self._first_records:
                self._first_records[head.of] = head.document
                self._marks[head.document] = _WITH_STREAM
            if self._choice.is_in_time(head.at_seconds):
                self._choose_event(head, facts)

    def _is_chosen_at(self, facts: ExchangeFacts, at_seconds: float) -> bool:
        """Return whether an exchange is chosen, which had something at this time."""
        choice = self._choice
        return facts.is_chosen and choice.is_in_time(at_seconds) and choice.has_call(facts.call)

    def _choose_event(self, head: DocumentHead, facts: ExchangeFacts) -> None:
        choice, kind = self._choice, None
        if choice.types or choice.calls or not facts.is_chosen:
            kind = event_type(self._cassette, head, self.streams[head.of])
        if facts.is_chosen and choice.has_event(facts.call, kind):
            self._marks[head.document] = _CHOSEN
            self.exchanges.add(head.of)
            self._extend(facts.party, head.at_seconds)
        elif kind == "HEARTBEAT":
            self._marks[head.document] = _WITH_STREAM

    def _keep_what_is_needed(self) -> None:
        divided = self._kept_parties() if self._choice.divides_parties else set[ClientIdentity]()
        self._extend_to_ends()
        for facts in self._facts:
            if facts.party in divided and self._is_needed(facts):
                self.exchanges.add(facts.number)
        subscribers = {party for party in divided if self._answered_ids.has_calls(party)}
        if subscribers:
            self._add_ids_of_events(subscribers)
        for party in subscribers:
            self._answered_ids.keep_related(party, self._is_item_kept, self._keep_item)
        for facts in self._kept_facts():
            if facts.subscription is not None:
                self.exchanges.add(facts.subscription)
        for facts in self._kept_facts():
            self.exchanges.update(facts.reads_before)

    def _is_needed(self, facts: ExchangeFacts) -> bool:
        """Return whether an exchange is of a session, or holds what is chosen without an answer."""
        if facts.party.kind == "container":
            return True
        until = self._last_chosen.get(facts.party, 0.0)
        is_between = self._choice.since <= facts.at_seconds < until
        return is_between and facts.holds_events and not facts.answers_event

    def _extend_to_ends(self) -> None:
        """Count the end of a stream of which events are chosen as chosen, if it is in time."""
        for facts in self._kept_facts():
            if facts.number in self.streams and facts.party in self._last_chosen:
                end = self._cassette.stream_end(facts.number)
                if end is not None and self._choice.is_in_time(end.at):
                    self._extend(facts.party, end.at)

    def _kept_parties(self) -> set[ClientIdentity]:
        return {facts.party for facts in self._kept_facts()}

    def _kept_facts(self) -> Iterator[ExchangeFacts]:
        """Return the facts of the exchanges that are kept now; more may be kept meanwhile."""
        found = map(self._facts.get, list(self.exchanges))
        return (facts for facts in found if facts is not None)

    def _extend(self, party: ClientIdentity, at_seconds: float) -> None:
        """Record that something of a party is chosen that was at this time."""
        self._last_chosen[party] = max(at_seconds, self._last_chosen.get(party, 0.0))

    def _add_ids_of_events(self, parties: set[ClientIdentity]) -> None:
        for head in self._events():
            facts = self._facts.get(head.of)
            if facts is None or facts.party not in parties or not self.is_divided(head):
                continue
            event = event_message(self._cassette, head, self.streams[head.of])
            if event is not None:
                self._answered_ids.add_event(
                    facts.party, head.document, head.of, head.at_seconds, event
                )

    def _is_item_kept(self, document: int, exchange: int) -> bool:
        is_call = document == NO_DOCUMENT
        return exchange in self.exchanges and (
            is_call or self._marks[document] in (_CHOSEN, _NEEDED)
        )

    def _keep_item(self, document: int, exchange: int) -> None:
        self.exchanges.add(exchange)
        if document != NO_DOCUMENT:
            self._marks[document] = _NEEDED

    def _events(self) -> Iterator[DocumentHead]:
        """Read the heads of all events: once, or twice if calls answer them."""
        begun = self._passes * self._cassette.document_count
        self._passes += 1
        for head in read_heads(self._cassette):
            self._on_progress((begun + head.document) // _PASSES)
            if head.kind == "event":
                yield head
