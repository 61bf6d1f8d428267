"""The facts of all exchanges, in columns: 33 bytes for each, a tenth of what structs take."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ..causality.identities import ClientIdentity
from .exchange_facts import ExchangeFacts

_CHOSEN, _HOLDS, _ANSWERS = 1, 2, 4
_NONE = 0


class FactTable:
    """The facts, in the order of the numbers of the exchanges."""

    def __init__(self, facts: Iterable[ExchangeFacts]) -> None:
        self._numbers = array("Q")
        self._times = array("d")
        self._parties = array("I")
        self._calls = array("I")
        self._subscriptions = array("Q")
        self._flags = bytearray()
        self._messages: dict[int, str] = {}
        self._streams: dict[int, ExchangeFacts] = {}
        self._reads: dict[int, tuple[int, ...]] = {}
        self._party_of: dict[ClientIdentity, int] = {}
        self._call_of: dict[str, int] = {}
        for each in facts:
            self._add(each)
        self.parties = list(self._party_of)
        self._call_names = list(self._call_of)

    def __iter__(self) -> Iterator[ExchangeFacts]:
        return (self._read(position) for position in range(len(self._numbers)))

    def get(self, number: int) -> ExchangeFacts | None:
        """Return the facts of an exchange; None if there is no such exchange."""
        if (facts := self._streams.get(number)) is not None:
            return facts
        position = bisect_left(self._numbers, number)
        if position == len(self._numbers) or self._numbers[position] != number:
            return None
        facts = self._read(position)
        if facts.record_message is not None:
            self._streams[number] = facts  # It is asked for with each of its events.
        return facts

    @property
    def streams(self) -> dict[int, str]:
        """The streams that a cut may divide, with the name of the message of their events."""
        return self._messages

    def _add(self, facts: ExchangeFacts) -> None:
        self._numbers.append(facts.number)
        self._times.append(facts.at_seconds)
        self._parties.append(self._party_of.setdefault(facts.party, len(self._party_of)))
        self._calls.append(self._call_of.setdefault(facts.call, len(self._call_of)))
        self._subscriptions.append(facts.subscription or _NONE)
        self._flags.append(
            facts.is_chosen * _CHOSEN + facts.holds_events * _HOLDS + facts.answers_event * _ANSWERS
        )
        if facts.record_message is not None:
            self._messages[facts.number] = facts.record_message
        if facts.reads_before:
            self._reads[facts.number] = facts.reads_before

    def _read(self, position: int) -> ExchangeFacts:
        number, flags = self._numbers[position], self._flags[position]
        return ExchangeFacts(
            number=number,
            at_seconds=self._times[position],
            party=self.parties[self._parties[position]],
            call=self._call_names[self._calls[position]],
            is_chosen=bool(flags & _CHOSEN),
            holds_events=bool(flags & _HOLDS),
            answers_event=bool(flags & _ANSWERS),
            record_message=self._messages.get(number),
            subscription=self._subscriptions[position] or None,
            reads_before=self._reads.get(number, ()),
        )
