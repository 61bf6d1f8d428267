"""Denials: what a request gets that nothing recorded answers.

    refused   Mesos itself would refuse the request as it stands, and its own answer goes out
    a miss    nobody knows what Mesos would have said

Both are explained, and taken down in the journal.
"""

from ...proto.api.refusals import Refusal
from ...proto.http.request import Received
from ..answers import answer
from ..answers.answer import Answer
from ..format.exchange_ref import Place
from ..matching.miss_reports import Explanations
from ..matching.misses import Miss, Reason
from ..matching.request_key import meaning, takes_gzip
from ..matching.servers import ANY, Scope, Servers
from .journal import Journal, Refused


class Denials:
    """Denies requests of a playback; `date` is the Date of refusals."""

    def __init__(
        self, journal: Journal, servers: Servers, explanations: Explanations, date: str
    ) -> None:
        self._journal = journal
        self._servers = servers
        self._explanations = explanations
        self._date = date

    def deny(self, request: Received, reason: Reason, scope: Scope = ANY) -> Answer | Miss:
        """Refuse what every kind of server there would refuse as it stands; else it is a miss."""
        refusals = [meaning(request, kind).refusal for kind in self._servers.kinds(scope)]
        if not refusals or refusals[0] is None or None in refusals:
            return self.miss(request, reason, scope)
        return self.refuse(request, refusals[0], reason, scope)

    def refuse(self, request: Received, why: Refusal, reason: Reason, scope: Scope) -> Answer:
        """Answer as Mesos refuses, and take it down."""
        self._journal.refuse(Refused(why, self._explained(request, reason, scope)))
        bodiless, gzips = request.method == b"HEAD", takes_gzip(request)
        return answer.refused(why, self._date, bodiless=bodiless, gzips=gzips)

    def miss(self, request: Received, reason: Reason, scope: Scope) -> Miss:
        """Explain why there is no answer, and take it down."""
        miss = self._explained(request, reason, scope)
        self._journal.miss(miss)
        return miss

    def _explained(self, request: Received, reason: Reason, scope: Scope) -> Miss:
        """Say why there is no answer, with what comes nearest."""
        kinds = self._servers.kinds(scope)

        def belongs(place: Place, recorded: Received) -> bool:
            return scope is ANY or self._servers.of(place.cassette, recorded) in scope

        server = kinds[0] if kinds else None
        return self._explanations.explain(request, reason, server, belongs, scope.cassettes)
