"""Requests that no recorded exchange answers: they are refused, or are misses.

    refused   Mesos would refuse the request as it stands; the client gets that answer
    a miss    the answer of Mesos is not known

Both are explained, and recorded in the journal.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from ...proto.api.refusals import NO_ROUTE, MesosRefusal
from ...proto.http.request import HttpRequest
from ..answers import answer
from ..answers.answer import ReplayResponse
from ..format.exchange_ref import ExchangeRef
from ..matching.miss_reports import MissReporter
from ..matching.misses import Miss, MissReason
from ..matching.request_key import MatchableRequest, ParsedRequest, request_accepts_gzip
from ..matching.servers import ANY_SERVER, RecordedServers, ServerScope
from ..storage.reader import Cassette
from .journal import Journal, RefusedRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def recorded_date(cassettes: Sequence[Cassette]) -> str:
    """Return the Date header of answers that are not recorded: the beginning of the recording."""
    began = cassettes[0].header.began if cassettes else _EPOCH
    return format_datetime(began.astimezone(UTC), usegmt=True)


class UnansweredRequests:
    """Refuses requests, or reports them as misses; `date` is the Date header of refusals.

    `before_report` is called before each report, which tells what was served until then.
    """

    def __init__(
        self, journal: Journal, servers: RecordedServers, miss_reporter: MissReporter, date: str
    ) -> None:
        self._journal = journal
        self._servers = servers
        self._miss_reporter = miss_reporter
        self._date = date
        self._paths_of_proxies: set[str] = set()
        self.before_report: Callable[[], object] | None = None

    def add_exchange(self, parsed: ParsedRequest, status: int | None) -> None:
        """Note a recorded exchange that Mesos would have refused, but the recorded server did not.

        Then a proxy is in front of Mesos, and has paths of its own, such as `/mesos/api/v1`.
        """
        if parsed.refusal == NO_ROUTE and status != NO_ROUTE.status:
            self._paths_of_proxies.add(parsed.path)

    def refuse_or_miss(
        self, request: MatchableRequest, reason: MissReason, scope: ServerScope = ANY_SERVER
    ) -> ReplayResponse | Miss:
        """Refuse a request that every kind of server in the scope refuses as it is; else a miss."""
        parsed = [request.parsed_by(kind) for kind in self._servers.server_kinds(scope)]
        refusals = [each.refusal for each in parsed]
        if not refusals or refusals[0] is None or None in refusals:
            return self.report_miss(request, reason, scope)
        if refusals[0] == NO_ROUTE and parsed[0].path in self._paths_of_proxies:
            return self.report_miss(request, reason, scope)
        return self.refuse_request(request, refusals[0], reason, scope)

    def refuse_request(
        self,
        request: MatchableRequest,
        refusal: MesosRefusal,
        reason: MissReason,
        scope: ServerScope,
    ) -> ReplayResponse:
        """Return the refusal of Mesos as an answer, and record it."""
        self._journal.record_refusal(
            RefusedRequest(refusal, self._build_miss(request, reason, scope))
        )
        bodiless, gzips = request.http.method == b"HEAD", request_accepts_gzip(request.http)
        return answer.build_refusal(refusal, self._date, bodiless=bodiless, accepts_gzip=gzips)

    def report_miss(
        self, request: MatchableRequest, reason: MissReason, scope: ServerScope
    ) -> Miss:
        """Return a miss that explains why there is no answer, and record it."""
        miss = self._build_miss(request, reason, scope)
        self._journal.record_miss(miss)
        return miss

    def _build_miss(
        self, request: MatchableRequest, reason: MissReason, scope: ServerScope
    ) -> Miss:
        if self.before_report is not None:
            self.before_report()
        kinds = self._servers.server_kinds(scope)

        def is_in_scope(ref: ExchangeRef, recorded: HttpRequest) -> bool:
            return scope is ANY_SERVER or self._servers.server_of(ref.cassette, recorded) in scope

        server = kinds[0] if kinds else None
        return self._miss_reporter.explain(request, reason, server, is_in_scope, scope.cassettes)
