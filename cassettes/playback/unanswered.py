"""Denials: what a request gets that nothing recorded answers.

    refused   Mesos itself would refuse the request as it stands, and its own answer goes out
    a miss    nobody knows what Mesos would have said

Both are explained, and taken down in the journal.
"""

from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ..answers import answer
from ..answers.answer import ReplayResponse
from ..format.exchange_ref import ExchangeRef
from ..matching.miss_reports import MissReporter
from ..matching.misses import Miss, MissReason
from ..matching.request_key import MatchableRequest, request_accepts_gzip
from ..matching.servers import ANY_SERVER, RecordedServers, ServerScope
from .journal import Journal, RefusedRequest


class UnansweredRequests:
    """Denies requests of a playback; `date` is the Date of refusals."""

    def __init__(
        self, journal: Journal, servers: RecordedServers, explanations: MissReporter, date: str
    ) -> None:
        self._journal = journal
        self._servers = servers
        self._explanations = explanations
        self._date = date

    def refuse_or_miss(
        self, request: MatchableRequest, reason: MissReason, scope: ServerScope = ANY_SERVER
    ) -> ReplayResponse | Miss:
        """Refuse what every kind of server there would refuse as it stands; else it is a miss."""
        refusals = [request.parsed_by(kind).refusal for kind in self._servers.server_kinds(scope)]
        if not refusals or refusals[0] is None or None in refusals:
            return self.report_miss(request, reason, scope)
        return self.refuse_request(request, refusals[0], reason, scope)

    def refuse_request(
        self, request: MatchableRequest, why: MesosRefusal, reason: MissReason, scope: ServerScope
    ) -> ReplayResponse:
        """Answer as Mesos refuses, and take it down."""
        self._journal.record_refusal(RefusedRequest(why, self._explained(request, reason, scope)))
        bodiless, gzips = request.http.method == b"HEAD", request_accepts_gzip(request.http)
        return answer.build_refusal(why, self._date, bodiless=bodiless, accepts_gzip=gzips)

    def report_miss(
        self, request: MatchableRequest, reason: MissReason, scope: ServerScope
    ) -> Miss:
        """Explain why there is no answer, and take it down."""
        miss = self._explained(request, reason, scope)
        self._journal.record_miss(miss)
        return miss

    def _explained(self, request: MatchableRequest, reason: MissReason, scope: ServerScope) -> Miss:
        """Say why there is no answer, with what comes nearest."""
        kinds = self._servers.server_kinds(scope)

        def belongs(place: ExchangeRef, recorded: HttpRequest) -> bool:
            return scope is ANY_SERVER or self._servers.server_of(place.cassette, recorded) in scope

        server = kinds[0] if kinds else None
        return self._explanations.explain(request, reason, server, belongs, scope.cassettes)
