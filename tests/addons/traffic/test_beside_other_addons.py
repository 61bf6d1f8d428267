"""Other addons and options touch a flow: the traffic is as without us, the cassette has it all."""

import asyncio
import gc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from mitmproxy import http
from support import other_addons
from support.cassette_contents import Kept, kept, notes, wire
from support.other_addons import CALLS, Hooks, Message, Outcome, Situation

from mesotape.cassettes.format.documents import Body
from mesotape.proto.recordio import encode

pytestmark = pytest.mark.filterwarnings(
    # mitmproxy leaves connections open if an addon raises in a callback.
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
)

CANNED = b'{"canned": true}'


def canned(flow: http.HTTPFlow) -> None:
    flow.response = http.Response.make(200, CANNED, {"Content-Type": "application/json"})


def kill(flow: http.HTTPFlow) -> None:
    flow.kill()


def fail(flow: http.HTTPFlow) -> None:
    raise RuntimeError("an addon failed")


def upper(data: bytes) -> bytes:
    return data.upper()


def halves(data: bytes) -> Iterable[bytes]:
    return [piece for piece in (data[:9], data[9:]) if piece]


def stream(value: object) -> Hooks:
    """Hooks that stream both sides through a callback, or not."""

    def request(flow: http.HTTPFlow) -> None:
        flow.request.stream = value  # type: ignore[assignment]

    def response(flow: http.HTTPFlow) -> None:
        assert flow.response is not None
        flow.response.stream = value  # type: ignore[assignment]

    return {"requestheaders": request, "responseheaders": response}


def edit_request(flow: http.HTTPFlow) -> None:
    flow.request.text = '{"type":"GET_VERSION"}'


def edit_response(flow: http.HTTPFlow) -> None:
    assert flow.response is not None
    flow.response.text = '{"edited": 1}'


def edit_head(flow: http.HTTPFlow) -> None:
    assert flow.response is not None
    flow.response.status_code = 202
    flow.response.headers["X-Edited"] = "yes"


def move(flow: http.HTTPFlow) -> None:
    flow.request.path = "/moved"


def intercept(edit: Callable[[http.HTTPFlow], None]) -> Callable[[http.HTTPFlow], None]:
    def hook(flow: http.HTTPFlow) -> None:
        def resume() -> None:
            flow.resume()  # It goes on after this callback.
            edit(flow)

        flow.intercept()
        asyncio.get_running_loop().call_later(0.01, resume)

    return hook


def replace_in_mid_stream(flow: http.HTTPFlow) -> None:
    """Stream through a callback that sets another one after the first piece."""
    response = flow.response
    assert response is not None

    def first(data: bytes) -> bytes:
        response.stream = True
        return data

    response.stream = first


def crash(data: bytes) -> bytes:
    raise RuntimeError("a callback failed") if data else StopIteration


HERE = Path(__file__)
WHOLE = True
SITUATIONS = {
    "nothing": Situation(),
    "stream-false-after": Situation(after=stream(False)),
    "stream-false-before": Situation(before=stream(False)),
    "stream-true-after": Situation(after=stream(True)),
    "stream-true-before": Situation(before=stream(True)),
    "callback-after": Situation(after=stream(upper)),
    "callback-before": Situation(before=stream(upper)),
    "callback-of-pieces": Situation(after=stream(halves)),
    "replaced-in-mid-stream": Situation(after={"responseheaders": replace_in_mid_stream}),
    "answer-in-requestheaders": Situation(after={"requestheaders": canned}),
    "answer-in-request": Situation(after={"request": canned}, edits_whole_body=WHOLE),
    "answer-in-responseheaders": Situation(after={"responseheaders": canned}),
    "answer-in-response": Situation(after={"response": canned}, edits_whole_body=WHOLE),
    "answer-before": Situation(before={"requestheaders": canned}),
    "request-edited-after": Situation(after={"request": edit_request}, edits_whole_body=WHOLE),
    "request-edited-before": Situation(before={"request": edit_request}, edits_whole_body=WHOLE),
    "response-edited-after": Situation(after={"response": edit_response}, edits_whole_body=WHOLE),
    "response-edited-before": Situation(before={"response": edit_response}, edits_whole_body=WHOLE),
    "head-edited": Situation(after={"responseheaders": edit_head}),
    "head-edited-late": Situation(after={"response": edit_head}, edits_whole_body=WHOLE),
    "path-rewritten": Situation(after={"requestheaders": move}),
    "path-rewritten-late": Situation(after={"request": move}, edits_whole_body=WHOLE),
    "killed-in-requestheaders": Situation(after={"requestheaders": kill}),
    "killed-in-request": Situation(after={"request": kill}, edits_whole_body=WHOLE),
    "killed-in-responseheaders": Situation(after={"responseheaders": kill}),
    "killed-in-response": Situation(after={"response": kill}, edits_whole_body=WHOLE),
    "request-intercepted": Situation(
        after={"request": intercept(edit_request)}, edits_whole_body=WHOLE
    ),
    "response-intercepted": Situation(
        after={"response": intercept(edit_response)}, edits_whole_body=WHOLE
    ),
    "killed-by-the-user": Situation(after={"response": intercept(kill)}, edits_whole_body=WHOLE),
    "addon-raises": Situation(
        after=dict.fromkeys(("requestheaders", "request", "responseheaders", "response"), fail)
    ),
    "stream-large-bodies": Situation(options={"stream_large_bodies": "1"}),
    "streaming-switched-on-late": Situation(
        after=stream(False), options={"stream_large_bodies": "1"}
    ),
    "store-streamed-bodies": Situation(
        options={"stream_large_bodies": "1", "store_streamed_bodies": True}
    ),
    "body-size-limit": Situation(options={"body_size_limit": "10"}, edits_whole_body=WHOLE),
    "map-local": Situation(options={"map_local": [f"|api|{HERE}"]}, edits_whole_body=WHOLE),
    "map-remote": Situation(options={"map_remote": ["|/api/v1|/api/v2"]}, edits_whole_body=WHOLE),
    "modify-body": Situation(options={"modify_body": ["|HEALTH|HELTH"]}, edits_whole_body=WHOLE),
    "modify-headers": Situation(options={"modify_headers": ["|X-New|1"]}),
    "anticomp": Situation(options={"anticomp": True}, edits_whole_body=WHOLE),
}
EACH = pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in SITUATIONS for kind in CALLS]
)


class Runs(NamedTuple):
    alone: dict[tuple[str, str], Outcome]
    beside: dict[tuple[str, str], Outcome]
    kept: dict[str, Kept]
    notes: list[tuple[str, int | None]]

    def notes_of(self, one: Kept) -> str:
        return "\n".join(text for text, number in self.notes if number == one.exchange.exchange)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "cassette.yaml"
    alone = asyncio.run(other_addons.run_all(SITUATIONS, None, folder))
    beside = asyncio.run(other_addons.run_all(SITUATIONS, path, folder))
    gc.collect()
    return Runs(alone, beside, {one.exchange.request.path: one for one in kept(path)}, notes(path))


def recorded_body(body: Body, records: list[bytes]) -> bytes:
    match getattr(body, "stream", None):
        case None:
            return wire(body)
        case "recordio":
            return b"".join(map(encode, records))
        case _:
            return b"".join(records)


@EACH
def test_client_and_upstream_get_what_they_get_without_us(runs: Runs, name: str, kind: str) -> None:
    if SITUATIONS[name].edits_whole_body and kind != "unary":
        return
    assert runs.beside[name, kind] == runs.alone[name, kind]


@EACH
def test_the_cassette_has_what_the_client_sent(runs: Runs, name: str, kind: str) -> None:
    one = runs.kept[other_addons.path_of(name, kind)]
    request = one.exchange.request
    body = recorded_body(request, [wire(event) for event in one.sent])
    if body != CALLS[kind].body:
        assert request.malformed is not None or request.stream is not None
        assert runs.notes_of(one)


@EACH
def test_the_cassette_has_what_the_client_got(runs: Runs, name: str, kind: str) -> None:
    one = runs.kept[other_addons.path_of(name, kind)]
    got, response = runs.beside[name, kind].client, one.exchange.response
    cause = one.end.cause if one.end is not None else response.cause or "server"
    if got is None or is_from_proxy(got):
        assert response.status is None
        assert runs.notes_of(one)
        return
    assert response.status == int(got.start_line.split()[1])
    assert [b"X-Edited: yes" in got.headers] == ["X-Edited" in response.headers]
    if recorded_body(response, one.records) != got.body or not got.is_complete:
        assert runs.notes_of(one)
        assert cause != "server"


@EACH
def test_what_the_upstream_got_instead_is_noted(runs: Runs, name: str, kind: str) -> None:
    one = runs.kept[other_addons.path_of(name, kind)]
    got = runs.beside[name, kind].upstream
    if got is None or not got.is_complete:
        assert runs.notes_of(one)
    elif got.body != CALLS[kind].body or other_addons.path_of(name, kind).encode() not in (
        got.start_line
    ):
        assert "changed the" in runs.notes_of(one)


def test_a_header_that_is_always_changed_is_noted_once(runs: Runs) -> None:
    found = [text for text, number in runs.notes if number is None]
    assert len([text for text in found if "request to the upstream: header x-new" in text]) == 1
    assert len([text for text in found if "answer of the upstream: header x-new" in text]) == 1


def is_from_proxy(got: Message) -> bool:
    return any(line.startswith(b"Server: mitmproxy") for line in got.headers) and (
        b" 200 " not in got.start_line
    )
