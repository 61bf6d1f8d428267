"""A replay that has ended, with the calls and places of its exchanges."""

from collections.abc import Sequence

from msgspec import Struct

from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.storage.reader import Cassette
from ..control.receipt import NamedExchange, Receipt
from ..control.verdict import Problem, describe_call


class ReportedReplay(Struct, frozen=True):
    """The receipt and the problems of a replay, and its cassettes, which are open."""

    receipt: Receipt
    problems: Sequence[Problem]
    exit_code: int
    cassettes: Sequence[Cassette]

    def describe(self, exchange: NamedExchange) -> str:
        """Return number and call of an exchange."""
        return f"exchange {exchange.exchange}: {describe_call(self.cassettes, self._ref(exchange))}"

    def line(self, exchange: NamedExchange) -> int:
        """Return the line of an exchange in its cassette."""
        ref = self._ref(exchange)
        return self.cassettes[ref.cassette].line_of_exchange(ref.exchange)

    def _ref(self, exchange: NamedExchange) -> ExchangeRef:
        paths = [str(cassette.path) for cassette in self.cassettes]
        return ExchangeRef(paths.index(exchange.cassette), exchange.exchange)


def first_line(text: str) -> str:
    """Return the first line of a problem."""
    return text.partition("\n")[0]
