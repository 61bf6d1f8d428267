"""Sessions of a container, as cassettes written by hand and as what clients send."""

import base64
import json

from mesotape.proto.http.request import HttpRequest

HEADER = """\
---
mesotape: 1
server: agent
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""

_EXCHANGE = """\
---
exchange: {number}
at: {at:f}
client: {number}
request:
  method: POST
  path: /api/v1
  headers:
    Content-Type: {content_type}
    {header}
  {body}
response:
  after: {after:f}
  {response}
...
"""

JSON, RECORDIO = "application/json", "application/recordio"


def call(**said):
    return json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": said})


def names(container="c"):
    """Return the first record of an input."""
    return call(type="CONTAINER_ID", container_id={"value": container})


def io(**said):
    return call(type="PROCESS_IO", process_io=said)


def data(text):
    coded = base64.b64encode(text).decode()
    return io(type="DATA", data={"type": "STDIN", "data": coded})


END_OF_INPUT = data(b"")
BEAT = io(type="CONTROL", control={"type": "HEARTBEAT", "heartbeat": {}})


def window(rows):
    size = {"rows": rows, "columns": 80}
    return io(type="CONTROL", control={"type": "TTY_INFO", "tty_info": {"window_size": size}})


def output(text):
    """Return a record of the output."""
    coded = base64.b64encode(text).decode()
    return json.dumps({"type": "DATA", "data": {"type": "STDOUT", "data": coded}})


def about(name, container="c"):
    """Return another call about a container; `c.d` is nested in `c`."""
    container_id = {}
    for value in container.split("."):
        container_id = {"value": value} | ({"parent": container_id} if container_id else {})
    said = {"container_id": container_id}
    return json.dumps({"type": name, name.lower(): said}, separators=(",", ":"))


def _event(number, of, at, text, side=""):
    return f"---\nevent: {number}\nof: {of}\nat: {at:f}\n{side}text: '{text}'\n...\n"


def _exchange(number, at, answered, response, **changes):
    told = {"content_type": JSON, "header": f"Accept: {JSON}", "body": ""} | changes
    return _EXCHANGE.format(number=number, at=at, after=answered - at, response=response, **told)


def recorded_input(number, records, *, ended=9.0, answered=10.0, status=200, at=0.0):
    """Return an input: its records with their times, when it ended and when it was answered."""
    said = f"status: {status}" if status else "cause: client"
    kind = f"Message-Content-Type: {JSON}"
    yield _exchange(
        number, at, answered, said, content_type=RECORDIO, header=kind, body="stream: recordio"
    )
    for n, (seconds, text) in enumerate(records, 1):
        yield _event(n, number, seconds, text, "from: client\n")
    yield f"---\nend: {number}\nat: {ended:f}\nfrom: client\ncause: client\n...\n"


def recorded_output(
    number, records, *, ended=9.0, cause="server", at=0.0, name="LAUNCH_NESTED_CONTAINER_SESSION"
):
    """Return a session: its records with their times, and when and how it ended."""
    head = "status: 200\n  headers:\n    Transfer-Encoding: chunked\n  stream: recordio"
    yield _exchange(number, at, at, head, body=f"text: '{about(name)}'")
    for n, (seconds, text) in enumerate(records, 1):
        yield _event(n, number, seconds, text)
    if ended is not None:
        yield f"---\nend: {number}\nat: {ended:f}\ncause: {cause}\n...\n"


def recorded_wait(number, *, at, answered, text="over", container="c"):
    """Return a WAIT_NESTED_CONTAINER and its answer."""
    body = f"text: '{about('WAIT_NESTED_CONTAINER', container)}'"
    yield _exchange(number, at, answered, f"status: 200\n  text: {text}", body=body)


def recorded_kill(number, *, at, container="c", status=200):
    """Return a KILL_NESTED_CONTAINER."""
    body = f"text: '{about('KILL_NESTED_CONTAINER', container)}'"
    yield _exchange(number, at, at, f"status: {status}", body=body)


def request(text, **headers):
    """Return a call whose body is not streamed."""
    told = {"Content-Type": JSON, "Accept": JSON} | headers
    pairs = tuple((name.encode(), value.encode()) for name, value in told.items())
    return HttpRequest(b"POST", b"/api/v1", pairs, text.encode())


def begun(kind=JSON):
    """Return the head of an input."""
    told = {"Content-Type": RECORDIO, "Message-Content-Type": kind}
    pairs = tuple((name.encode(), value.encode()) for name, value in told.items())
    return HttpRequest(b"POST", b"/api/v1", pairs)
