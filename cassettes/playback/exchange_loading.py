"""Adds the exchanges of cassettes to the indexes of a playback, when it begins."""

from collections.abc import Callable, Sequence
from itertools import batched

from msgspec import Struct, field

from ..causality.constraints import ReplayConstraints
from ..causality.container_input import RecordedInput
from ..exchanges.recorded_exchanges import (
    BATCH_EXCHANGES,
    RecordedExchange,
    garbage_collector_off,
    is_streamed_request,
    read_exchanges,
)
from ..format.exchange_ref import ExchangeRef
from ..matching.ignore_rules import IgnoreRules
from ..matching.miss_reports import MissReporter
from ..storage.reader import Cassette
from .exchange_index import ExchangeIndex
from .streamed_requests import RecordedInputs
from .unanswered import UnansweredRequests


class ExchangeLoader(Struct, frozen=True):
    """Adds exchanges to all indexes; `hang_ups` are those whose client left before the answer."""

    index: ExchangeIndex
    inputs: RecordedInputs
    constraints: ReplayConstraints
    unanswered: UnansweredRequests
    miss_reporter: MissReporter
    hang_ups: set[ExchangeRef] = field(default_factory=set[ExchangeRef])

    def load(
        self,
        cassettes: Sequence[Cassette],
        ignoring: IgnoreRules,
        rows_of: Callable[[int, Cassette], Sequence[int] | None],
    ) -> None:
        """Add the exchanges of cassettes; the arguments are those of `read_exchanges`."""
        with garbage_collector_off():
            for batch in batched(read_exchanges(cassettes, ignoring, rows_of), BATCH_EXCHANGES):
                self._add_exchanges(batch)

    def _add_exchanges(self, batch: Sequence[RecordedExchange]) -> None:
        """Add some exchanges, to one index after the other (see `read_exchanges`)."""
        inputs: dict[ExchangeRef, RecordedInput] = {}
        for recorded in batch:
            ref, cassette, exchange, request, parsed = recorded
            self.miss_reporter.add_exchange(parsed.key, parsed.path, ref)
            if exchange.response.status is None and exchange.response.cause == "client":
                self.hang_ups.add(ref)
            self.unanswered.add_exchange(parsed, exchange.response.status)
            if is_streamed_request(request, cassette.header.server):
                inputs[ref] = self.inputs.add_recorded_input(ref, request, cassette, exchange)
            else:
                self.index.add_exchange(recorded)
        for ref, cassette, exchange, request, parsed in batch:
            recorded_input = inputs.get(ref)
            self.constraints.add_exchange(ref, cassette, exchange, request, parsed, recorded_input)
