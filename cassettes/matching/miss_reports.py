"""Miss reports: why no recorded exchange answers a request, the nearest ones, and what to do.

A report is shown, sent and stored, so the secrets of requests are replaced in it.

If an option of the replay would make the nearest exchange the answer, the report names it, in the
words of its reader (advice.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import ServerKind
from ...proto.http.request import HttpRequest
from ...proto.messages.ids import id_fields, with_blank_ids
from ..format.exchange_ref import ExchangeRef
from ..storage.reader import Cassette
from .advice import Audience, Setting, WantedRecording
from .credentials import describe_scheme
from .misses import Difference, Miss, MissReason, NearMiss
from .near_misses import OPAQUE_BODY_DIFFERENCE, LateKeys, NearMissIndex, diff_requests
from .recorded_request import RecordedRequests
from .request_key import CallKey, MatchableRequest, ParsedRequest, PlainKey, RequestKey
from .shortening import truncate, truncate_around_difference

if TYPE_CHECKING:
    from ..redaction.comparing import SecretComparison

_MAX_NEAREST = 3
_MAX_DIFFERENCES = 8
"""Recorded exchanges in a report, and differences of each."""

_MAX_IGNORE_RULES, _MAX_IGNORE_CHARACTERS = 3, 300
"""Rules of --ignore that are proposed together; a request that differs in more is another."""

_MAX_TARGET_CHARACTERS = 200
"""Characters of the target of a request in a report."""

_STREAM_ID = "Mesos-Stream-Id"
_STREAM_ID_REASONS: tuple[MissReason, ...] = ("no stream id", "another stream id")
_CREDENTIALS = "Authorization"

_RECORDED_TOO: tuple[MissReason, ...] = ("nothing recorded for this call", "already played")
_RECORDED_AGAIN: tuple[MissReason, ...] = ("differs", "client left")
"""Reasons for which it helps to record what is missing as well, or everything again."""

_LIST_INDEX = re.compile(r"\[[^\]]*\]")
_PRINTABLE = re.compile(r"[^\x00-\x08\x0e-\x1f]*")


class _Comparison(Struct, frozen=True):
    """A recorded exchange, compared with a request."""

    near: NearMiss
    recorded: ParsedRequest
    cassette: int

    @property
    def rank(self) -> tuple[int, bool, int]:
        """The smallest is the nearest: fewest differences, then not played, then the earliest."""
        return len(self.near.differences) + self.near.more, self.near.played, self.near.exchange


class MissReporter:
    """Reports requests that no exchange of some cassettes answers.

    `served` counts how often each exchange was served. `to_recorded_ids` replaces ids of this run
    by the recorded ones (rebinding/); it is None without --rebind. `ignore` and `repeat` are the
    rules of the replay. The advice is for `audience`. `late` is that of `NearMissIndex`.
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        served: Mapping[ExchangeRef, int],
        requests: RecordedRequests,
        to_recorded_ids: Callable[[ParsedRequest], ParsedRequest] | None,
        *,
        ignore: Sequence[str],
        repeat: Sequence[str],
        audience: Audience,
        late: LateKeys | None = None,
    ) -> None:
        self._cassettes, self._served = cassettes, served
        self._requests, self._to_recorded_ids = requests, to_recorded_ids
        self._given = {"ignore": _as_tuple(ignore), "repeat": _as_tuple(repeat)}
        self._audience, self._index = audience, NearMissIndex(late)

    @cached_property
    def _secrets(self) -> "SecretComparison":
        from ..redaction.comparing import SecretComparison

        return SecretComparison(are_alike=False)

    def add_exchange(self, key: RequestKey, path: str, ref: ExchangeRef) -> None:
        """Add an exchange by the key and the folded path of its request."""
        self._index.add_exchange(key, path, ref)

    @property
    def exchanges_by_call(self) -> dict[str, list[ExchangeRef]]:
        """The exchanges by the names of their calls (near_misses.py)."""
        return self._index.by_call

    def explain(
        self,
        request: MatchableRequest,
        reason: MissReason,
        server: ServerKind | None,
        is_in_scope: Callable[[ExchangeRef, HttpRequest], bool],
        cassettes: frozenset[int] | None = None,
    ) -> Miss:
        """Report a request to a server of a kind that nothing in some cassettes, or all, answers.

        `is_in_scope` tells whether an exchange was recorded of a server that the request may be
        for. Raises CassetteError or OSError if a cassette cannot be read.
        """
        received = request.parsed_by(server)
        if self._to_recorded_ids is not None:
            received = self._to_recorded_ids(received)
        refs, is_same_call = self._index.candidates(
            received.key, received.path, self._served, cassettes
        )
        received = self._without_secrets(received)
        comparisons = [
            self._compare(ref, recorded, received, request.http, reason)
            for ref in refs
            for recorded in [self._requests.request(ref)]
            if is_in_scope(ref, recorded.http)
        ]
        comparisons.sort(key=lambda comparison: comparison.rank)
        if comparisons and is_same_call and reason == "nothing recorded for this call":
            reason = "differs"
        nearest = comparisons[0] if comparisons else None
        return Miss(
            reason=reason,
            method=request.http.method.decode("latin-1"),
            path=self._target(request.http),
            call=received.description,
            nearest=tuple(comparison.near for comparison in comparisons[:_MAX_NEAREST]),
            option=self._option(reason, received, nearest),
            recording=self._recording(reason, nearest, cassettes),
        )

    def _compare(
        self,
        ref: ExchangeRef,
        request: MatchableRequest,
        received: ParsedRequest,
        received_http: HttpRequest,
        reason: MissReason,
    ) -> _Comparison:
        http = request.http
        server = self._cassettes[ref.cassette].header.server
        recorded = self._without_secrets(request.parsed_by(server))
        differences = [
            self._with_text_bodies(difference, http, received_http)
            for difference in diff_requests(recorded, received)
        ]
        if reason in _STREAM_ID_REASONS:
            differences += _stream_id_difference(http, received_http)
        if not differences and recorded.credentials != received.credentials:
            schemes = describe_scheme(recorded.credentials), describe_scheme(received.credentials)
            differences = [Difference(_CREDENTIALS, *schemes)]
        method_and_path = f"{http.method.decode('latin-1')} {self._target(http)}"
        near = NearMiss(
            exchange=ref.exchange,
            description=recorded.description or truncate(method_and_path, _MAX_TARGET_CHARACTERS),
            played=ref in self._served,
            differences=tuple(differences[:_MAX_DIFFERENCES]),
            more=max(0, len(differences) - _MAX_DIFFERENCES),
        )
        return _Comparison(near, recorded, ref.cassette)

    def _recording(
        self, reason: MissReason, nearest: _Comparison | None, cassettes: frozenset[int] | None
    ) -> str | None:
        """Write how to record an answer, into the cassette of the nearest exchange if there is."""
        if reason not in _RECORDED_TOO and reason not in _RECORDED_AGAIN:
            return None
        first = min(range(len(self._cassettes)) if cassettes is None else cassettes, default=None)
        number = first if nearest is None else nearest.cassette
        if number is None:
            return None
        cassette = self._cassettes[number]
        header, is_append = cassette.header, reason in _RECORDED_TOO
        recording = WantedRecording(str(cassette.path), header.server, header.upstream, is_append)
        return self._audience.write_recording(recording)

    def _without_secrets(self, request: ParsedRequest) -> ParsedRequest:
        """Return a request with its secrets replaced, each by a placeholder of its own."""
        key = request.key
        if isinstance(key, PlainKey) and key.query:
            key = replace(key, query=self._secrets.comparable_target("?" + key.query)[1:])
        calls = self._secrets.comparable_calls(request.compared_calls)
        return replace(request, key=key, compared_calls=calls)

    def _target(self, http: HttpRequest) -> str:
        target = self._secrets.comparable_target(http.target.decode("latin-1"))
        return truncate(target, _MAX_TARGET_CHARACTERS)

    def _with_text_bodies(
        self, difference: Difference, recorded: HttpRequest, received: HttpRequest
    ) -> Difference:
        """Replace the difference of two bodies, which keys know as digests only, by their texts."""
        if difference != OPAQUE_BODY_DIFFERENCE:
            return difference
        bodies = (self._secrets.comparable_body(each.body) for each in (recorded, received))
        try:
            old, new = (body.decode() for body in bodies)
        except UnicodeDecodeError:
            return difference
        if old == new or not _PRINTABLE.fullmatch(old + new):
            return difference
        return Difference("body", *truncate_around_difference(repr(old), repr(new)))

    def _option(
        self, reason: MissReason, received: ParsedRequest, nearest: _Comparison | None
    ) -> str | None:
        """Name the option of a replay with which the nearest exchange would be the answer."""
        call_name = received.key.call_name if isinstance(received.key, CallKey) else None
        match reason:
            case "already played" if call_name is not None:
                return f"{self._write('repeat', f'{call_name}=last')} gives the last answer again."
            case "already played":
                return f"{self._write('repeat', 'cycle')} gives the recorded answers again."
            case "differs" if nearest is not None and not (
                nearest.near.played and received.is_mutating
            ):
                return self._option_to_match(call_name, received, nearest)
            case _:
                return None

    def _option_to_match(
        self, call_name: str | None, received: ParsedRequest, nearest: _Comparison
    ) -> str | None:
        """Name the option with which a request and a recorded one would be equal."""
        if call_name is None:
            names = _differing_parameters(received.key, nearest.recorded.key)
            return self._option_to_ignore(f"query.{name}" for name in names)
        if kinds := _differing_id_kinds(nearest.recorded, received):
            ignore = self._write("ignore", *(f"{kind}s" for kind in kinds))
            if self._to_recorded_ids is None:
                rebind = f"{self._write('rebind')} translates them"
                return f"Only ids differ: {rebind}, {ignore} ignores them."
            return (
                f"Only ids differ, but they are bound to other ids already; {ignore} ignores them."
            )
        paths = {_LIST_INDEX.sub("[]", each.path) for each in nearest.near.differences}
        if nearest.near.more or len(paths) > _MAX_IGNORE_RULES or len(received.calls) > 1:
            return None
        if paths & {"refusal", "type", "body", "Content-Type", _CREDENTIALS}:
            return None
        return self._option_to_ignore(f"{call_name}:{path}" for path in sorted(paths))

    def _option_to_ignore(self, rules: Iterable[str]) -> str | None:
        values = tuple(rules)
        options = self._write("ignore", *values)
        if not values or len(options) > _MAX_IGNORE_CHARACTERS:
            return None
        return f"If the difference does not matter: {options}"

    def _write(self, name: str, *values: str) -> str:
        return self._audience.write(Setting(name, values, self._given.get(name, ())))


def _as_tuple(rules: Sequence[str]) -> tuple[str, ...]:
    return (rules,) if isinstance(rules, str) else tuple(rules)


def _differing_id_kinds(recorded: ParsedRequest, received: ParsedRequest) -> list[str]:
    """Return the kinds of the ids that differ, or none if anything else differs."""
    if with_blank_ids(recorded.compared_calls) != with_blank_ids(received.compared_calls):
        return []
    pairs = zip(
        (field for call in recorded.compared_calls for field in id_fields(call)),
        (field for call in received.compared_calls for field in id_fields(call)),
        strict=True,
    )
    return sorted({old.kind for old, new in pairs if old.value != new.value})


def _differing_parameters(received: RequestKey, recorded: RequestKey) -> list[str]:
    """Return the names of the parameters that differ, or none if there are many."""
    match recorded, received:
        case PlainKey(query=old), PlainKey(query=new) if old != new:
            parts = set(old.split("&")) ^ set(new.split("&"))
            names = sorted({part.partition("=")[0] for part in parts if part})
            return names if len(names) <= _MAX_IGNORE_RULES else []
        case _:
            return []


def _stream_id_difference(recorded: HttpRequest, received: HttpRequest) -> list[Difference]:
    name = _STREAM_ID.lower()
    old, new = recorded.header(name), received.header(name)
    return [] if old == new else [Difference(_STREAM_ID, old, new)]
