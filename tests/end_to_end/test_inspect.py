"""`mesotape inspect`: rows, lines, filters, exit codes, and what it says about the captures."""

import datetime
import gzip
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections import Counter
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter
from support.captures.capture import LARGE, SMALL, Exchange, expected, load, names
from support.commands import MESOTAPE, run, running
from support.mitmproxy_flows import flow
from support.paths import DATA, ROOT

from mesotape.cassettes.format import bodies, yaml_writer
from mesotape.cassettes.format import documents as told
from mesotape.proto.api import endpoints
from mesotape.proto.api.apis import ServerKind
from mesotape.proxy.cli import cli, main

GOLDEN = DATA / "golden.yaml"
SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'
START = b'85\n{"type":"SUBSCRIBED","subscribed":{"get_state":{},"heartbeat_interval_seconds":15.0}}'
HEALTH = b'{"type":"GET_HEALTH"}'


def read_summary() -> dict[str, Any]:
    """What was found in the captures when they were made: those here, and others at hand."""
    text = gzip.decompress((SMALL / "summary.json.gz").read_bytes())
    large = LARGE / "SUMMARY.json"
    others = json.loads(large.read_bytes())["captures"] if large.exists() else {}
    return others | json.loads(text)["captures"]


SUMMARY = read_summary()


def summaries(name: str) -> dict[tuple[int, int], dict[str, Any]]:
    """What the summary says of the streams of a capture, by connection and index."""
    return {
        (connection["conn"], index): one
        for connection in SUMMARY[name]["connections"]
        for index, one in enumerate(connection["exchanges"])
        if one.get("records")
    }


STREAMED = [name for name in names() if name in SUMMARY and summaries(name)]


def record_type(summary: dict[str, Any], name: str) -> str:
    api = endpoints.find_api(summary["path"], SUMMARY[name]["server_kind"])
    assert api is not None
    return api.event_message


def objects(*arguments: str | Path, code: int = 0) -> list[dict[str, Any]]:
    """What the command prints for programs; run in this process, because it is run so often."""
    words = ["inspect", "--json", *map(str, arguments)]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.return_value == code, (done.exception, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", STREAMED)
def test_inspecting_the_bytes_of_a_stream_agrees_with_the_summary_of_the_capture(
    name: str, tmp_path: Path
) -> None:
    for one in expected(load(name)):
        if one.key not in summaries(name) or one.response is None:
            continue
        summary = summaries(name)[one.key]
        path = tmp_path / "stream"
        path.write_bytes(one.response.raw_body)
        *events, last = objects("--message", record_type(summary, name), path)
        assert facts(events) == [(r["type"], r["length"]) for r in summary["records"]]
        assert last["summary"]["level"] == "clean"
        assert sum(kind["count"] for kind in last["summary"]["events"].values()) == len(events)
        summary_alone = objects("--summary", "--message", record_type(summary, name), path)
        assert json.dumps(summary_alone) == json.dumps([last])


@pytest.mark.parametrize("name", STREAMED)
def test_inspecting_a_cassette_agrees_with_the_summary_of_the_capture(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "capture.yaml"
    path.write_bytes(b"".join(cassette(name)))
    *found, last = objects(path)
    assert last["summary"]["level"] == "clean"
    for number, (_, summary) in enumerate(sorted(summaries(name).items()), 1):
        events = [r for r in found if r["what"] == "event" and r["exchange"] == number]
        assert facts(events) == [(r["type"], r["length"]) for r in summary["records"]]
        (exchange,) = [r for r in found if r["what"] == "exchange" and r["exchange"] == number]
        assert exchange["type"] == summary["call_type"]


LARGEST = [
    (
        "busy-a",
        (1, 0),
        "TASK_UPDATED 1221, TASK_ADDED 407, HEARTBEAT 7, SUBSCRIBED 1, FRAMEWORK_ADDED 1, "
        "FRAMEWORK_REMOVED 1",
        640,
    ),
    (
        "busy-a",
        (2, 0),
        "TASK_UPDATED 1221, TASK_ADDED 407, HEARTBEAT 7, SUBSCRIBED 1, FRAMEWORK_ADDED 1, "
        "FRAMEWORK_REMOVED 1",
        None,
    ),
    ("busy-a", (3, 0), "UPDATE 1588, OFFERS 294, FAILURE 16, HEARTBEAT 7, SUBSCRIBED 1", None),
    ("session-big", (1, 0), "DATA 37", 65548 + 6),
    ("session-big", (5, 0), "DATA 31", 87434 + 6),
    ("big-state-protobuf", (3, 0), "SUBSCRIBED 1, HEARTBEAT 1", 544682 + 7),
]


@pytest.mark.parametrize(("name", "key", "counts", "largest"), LARGEST)
def test_the_summary_of_a_large_capture_has_the_expected_figures(
    name: str, key: tuple[int, int], counts: str, largest: int | None, tmp_path: Path
) -> None:
    if name not in STREAMED:
        pytest.skip(f"{name} is not at hand")
    (one,) = [one for one in expected(load(name)) if one.key == key]
    assert one.response is not None
    path = tmp_path / "stream"
    path.write_bytes(one.response.raw_body)
    message = record_type(summaries(name)[key], name)
    done = run("inspect", "--summary", "--message", message, path)
    assert done.returncode == 0
    head, *rows, level = [line.split() for line in done.stdout.splitlines()]
    assert head[:4] == ["events", "count", "bytes", "largest"]
    assert Counter({row[0]: int(row[1]) for row in rows}) == Counter(
        {kind: int(count) for kind, count in map(str.split, counts.split(", "))}
    )
    assert sum(int(row[2]) for row in rows) == len(one.response.raw_body)
    assert largest in (None, *(int(row[3]) for row in rows))
    assert level == ["clean"]


def facts(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    assert all(one["what"] == "event" for one in events)
    return [(one["type"], one["size"] - frame(one["size"])) for one in events]


def frame(size: int) -> int:
    """How many bytes the length takes of a record of this size."""
    return next(n for n in range(2, 12) if len(str(size - n)) + 1 == n)


def cassette(name: str) -> Iterator[bytes]:
    """The streams of a capture as a cassette, and nothing else."""
    kind = SUMMARY[name]["server_kind"]
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    yield yaml_writer.format_document(told.Header(mesotape=1, server=kind, recorded_at=at))
    wanted = summaries(name)
    kept = {one.key: one for one in expected(load(name)) if one.key in wanted}
    for number, key in enumerate(sorted(wanted), 1):
        summary, one = wanted[key], kept[key]
        yield yaml_writer.format_document(as_exchange(number, one, kind))
        sort = response_kind(one)
        assert one.response is not None
        for count, (record, fact) in enumerate(
            zip(one.response.records, summary["records"], strict=True), 1
        ):
            body = bodies.decode_body(record, sort, record_type(summary, name))
            yield yaml_writer.format_document(
                told.Event(event=count, of=number, at=fact["at"], **body)
            )


def as_exchange(number: int, one: Exchange, kind: ServerKind) -> told.Exchange:
    assert one.response is not None
    headers = dict(one.request.headers)
    sort = {name.lower(): value for name, value in headers.items()}["content-type"]
    api = endpoints.find_api(one.request.target, kind)
    assert api is not None
    body = bodies.decode_body(
        one.request.raw_body, "json" if "json" in sort else "proto", api.call_message
    )
    request = told.Request(
        method=one.request.method, path=one.request.target, headers=headers, **body
    )
    response = told.Response(
        after=0.0, status=200, headers=dict(one.response.headers), stream="recordio"
    )
    return told.Exchange(exchange=number, at=0.0, client=1, request=request, response=response)


def response_kind(one: Exchange) -> bodies.BodyFormat:
    assert one.response is not None
    headers = {name.lower(): value for name, value in one.response.headers}
    sort = headers.get("message-content-type", headers["content-type"])
    return "json" if sort == "application/json" else "proto"


def test_a_damaged_stream_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(START + HEARTBEAT + b"2O\n" + HEARTBEAT[3:] + HEARTBEAT)
    done = run("inspect", path)
    assert done.returncode == 5
    assert (
        "malformed (not-digits): length is b'2O', expected decimal digits and a newline\n"
        in done.stdout
    )
    assert "record 3, byte 111 of the stream" in done.stdout
    assert "23 bytes skipped, reading goes on at 134" in done.stdout
    assert "Mesos's C++:   fails permanently" in done.stdout
    shown = done.stdout.splitlines()
    marks = next(at for at, line in enumerate(shown) if line.strip() == "^^")
    assert shown[marks - 1][shown[marks].index("^") :].startswith("4f ")


def test_the_exit_code_depends_on_the_worst_finding(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    for data, code in ((START + HEARTBEAT, 0), (HEARTBEAT * 2, 4), (START + b"\n", 5), (b"", 10)):
        path.write_bytes(data)
        assert exit_code("--api", "master", path) == code
    assert exit_code(tmp_path / "none") == 1
    assert exit_code("--message", "mesos.v1.Offer", path) == 2
    assert run("inspect").returncode == 2


def exit_code(*arguments: str | Path) -> int:
    """Run the command in this process, and return the exit code that it gives a shell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mesotape", "inspect", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_stream_comes_through_a_pipe() -> None:
    command = [*MESOTAPE, "inspect", "--json", "-"]
    done = subprocess.run(command, input=START + HEARTBEAT, capture_output=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row.get("type") for row in rows] == ["SUBSCRIBED", "HEARTBEAT", None]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_stream_inside_chunks_is_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(chunk(START) + chunk(HEARTBEAT) + b"0\r\n\r\n")
    note, *rows, last = objects(path)
    assert note["text"].startswith("HTTP chunks, looked through")
    assert [(row.get("type"), row.get("offset"), row.get("file_offset")) for row in rows] == [
        ("SUBSCRIBED", 0, 4),
        ("HEARTBEAT", 88, 98),
        (None, None, None),
    ]
    assert last["summary"]["level"] == "clean"
    path.write_bytes(chunk(START) + chunk(b"2O" + HEARTBEAT[2:]))
    assert "record 2, byte 88 of the stream, byte 98 of the file\n" in run("inspect", path).stdout


def test_chunks_are_followed_as_they_arrive() -> None:
    command = [*MESOTAPE, "inspect", "--follow", "--json", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for data, rows in ((chunk(START), 2), (chunk(HEARTBEAT), 1)):
            process.stdin.write(data)
            process.stdin.flush()
            found = [json.loads(process.stdout.readline()) for _ in range(rows)]
            assert found[-1]["size"] == len(data) - 6
        process.stdin.close()
        assert json.loads(process.stdout.readline())["summary"]["level"] == "clean"


def test_all_kinds_of_documents_have_rows() -> None:
    *rows, last = objects(GOLDEN, code=5)
    assert Counter(row["what"] for row in rows) == {
        "exchange": 4,
        "event": 5,
        "end": 2,
        "note": 1,
        "skipped": 1,
    }
    (bad,) = [row for row in rows if row["what"] == "skipped"]
    assert (bad["line"], bad["offset"]) == (168, 150)
    assert bad["remarks"][0]["reason"] == "not-digits"
    assert bytes.fromhex(bad["bytes"]) == b"12x\n\xff"
    assert last["summary"]["endings"] == {"client": 2}
    split = [row["remarks"][0]["reason"] for row in rows if "remarks" in row]
    assert split == ["split", "not-digits"]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--type", "TASK_ADDED"], 6),
        (["--type", "TASK_ADDED", "--type", "HEARTBEAT"], 8),
        (["--call", "GET_AGENTS"], 2),
        (["--call", "SUBSCRIBE", "--until", "0.21"], 1),
        (["--since", "5.47", "--until", "5.475"], 1),
        (["--client", "2"], 19),
        (["--text", "TASK_LOST"], 2),
        (["--bad"], 0),
    ],
)
def test_filters_select_rows(filters: list[str], count: int) -> None:
    *rows, _ = objects(SAMPLE, *filters)
    assert len(rows) == count


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (["--type", "TASK_ADED"], "--type TASK_ADED matches no row; did you mean TASK_ADDED?"),
        (["--type", "heartbeat"], "--type heartbeat matches no row; did you mean HEARTBEAT?"),
        (["--type", "RESCIND"], "--type RESCIND matches no row; found SUBSCRIBED, HEARTBEAT, "),
        (["--type", "UPDATE_OFER"], "--type UPDATE_OFER matches no row; did you mean "),
        (["--type", "HEARTBEAT", "--type", "X"], "--type X matches no row; found SUBSCRIBED, "),
        (["--call", "GET_AGNTS"], "--call GET_AGNTS matches no row; did you mean GET_AGENTS?"),
        (["--call", "GET_ROLES"], "--call GET_ROLES matches no row; found SUBSCRIBE, GET_AGENTS"),
        (["--client", "999"], "--client 999 matches no row; found 1, 2, 3, 4"),
        (["--text", "short-task"], "--text 'short-task' matches no row"),
        (["--since", "99"], "--since 99 matches no row\nmesotape: the rows have times from 0.20"),
        (["--until", "0"], "--until 0 matches no row\nmesotape: the rows have times from 0.20"),
        (
            ["--call", "GET_AGENTS", "--type", "HEARTBEAT"],
            "no row matches --call GET_AGENTS and --type HEARTBEAT",
        ),
        (["--bad", "--type", "NO"], "--type NO matches no row; found "),
        (["--show", "999"], "there is no row 999; the last one is 43"),
        (["--show", "1", "--show", "999"], "there is no row 999; the last one is 43"),
    ],
)
def test_a_filter_that_matches_nothing_says_so(filters: list[str], message: str) -> None:
    for words in (filters, [*filters, "--json"]):
        done = CliRunner().invoke(cli, ["inspect", str(SAMPLE), *words], standalone_mode=False)
        assert done.return_value == 9
        assert done.stderr.startswith(f"mesotape: {message}")
        assert "clean" not in done.stdout or "HEARTBEAT" in done.stdout
        if "--json" in words and "--show" not in words:
            summary = json.loads(done.stdout.splitlines()[-1])["summary"]
            assert summary["unmatched"][0] == done.stderr.splitlines()[0].removeprefix("mesotape: ")


def test_a_filter_does_not_hide_that_the_source_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(START + b"\n")
    assert exit_code("--type", "NO", path) == 5
    assert "mesotape: --type NO matches no row" in run("inspect", "--type", "NO", path).stderr


@pytest.mark.parametrize("options", [[], ["--json"], ["--type", "HEARTBEAT"]])
@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("stream", b"", "is empty"),
        ("x.yaml", b"", "is empty"),
        ("x.yaml", b"---\nexchange: 1\n...\n", "is no cassette: expected a first document with "),
        (
            "picture",
            b"\x89PNG\r\n\x1a\n" + bytes(5000),
            "expected a cassette, a stream of records,",
        ),
        ("README", b"# Read me\n\nand more\n", "expected a cassette, a stream of records, "),
        ("lines", b"\n\n\n", "expected a cassette, a stream of records, "),
        (
            "dump",
            b'\xd4\xc3\xb2\xa1\2\0\4\n20\n{"type":"HEARTBEAT"}',
            "is a packet capture, expected the bytes of one dir",
        ),
    ],
)
def test_a_file_with_nothing_to_inspect_says_so(
    name: str, data: bytes, message: str, options: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    done = run("inspect", *options, path)
    assert done.returncode == 10
    assert done.stderr.startswith(f"mesotape: {path}: {message}")
    assert done.stdout == ""


def test_a_folder_an_empty_pipe_and_an_empty_cassette_say_so(tmp_path: Path) -> None:
    done = run("inspect", tmp_path)
    assert done.returncode == 10
    assert done.stderr.startswith(f"mesotape: {tmp_path}: is a folder, expected a file")
    command = [*MESOTAPE, "inspect", "-"]
    piped = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (piped.returncode, piped.stderr) == (10, b"mesotape: stdin: is empty\n")
    piped = subprocess.run(command, input=SAMPLE.read_bytes(), capture_output=True, check=False)
    assert (piped.returncode, piped.stdout) == (10, b"")
    assert piped.stderr.startswith(b"mesotape: stdin: is a cassette, ")
    path = tmp_path / "empty.yaml"
    path.write_text("---\nmesotape: 1\nserver: master\nrecorded_at: 2026-01-01T00:00:00Z\n...\n")
    done = run("inspect", path)
    assert (done.returncode, done.stdout) == (0, "empty: nothing is recorded\n")
    assert objects(path)[-1]["summary"]["level"] == "empty"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"type":"HEARTBEAT"}', "plain-json"),
        (b'2O\n{"type":"HEARTBEAT"}', "not-digits"),
        (b'20\n{"type":"HEA', "truncated-record"),
        (b"20", "truncated-length"),
        (b"\x1f\x8b\x08\x00abc", "gzip"),
        (b"999999999999\n{}", "over-limit"),
        (b"# Read me\n" + HEARTBEAT, "not-digits"),
    ],
)
def test_a_damaged_stream_is_still_malformed(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(data)
    first, *_ = objects(path, code=5)
    assert reason in [one["reason"] for one in first["remarks"]]


def test_one_row_is_shown_in_full() -> None:
    (row,) = [
        one for one in objects(SAMPLE, "--type", "AGENT_REMOVED")[:-1] if one["exchange"] == 2
    ]
    shown = run("inspect", SAMPLE, "--show", str(row["row"])).stdout
    assert '"type": "AGENT_REMOVED"' in shown
    assert '\n  "agent_removed": {\n    "agent_id": {\n' in shown


def test_a_silence_and_a_missing_greeting_are_warnings(tmp_path: Path) -> None:
    path = tmp_path / "gap.yaml"
    head = SAMPLE.read_text().partition("\n...\n")[0] + "\n...\n"
    exchange = re.search(r"---\nexchange: 1\n.*?\n\.\.\.\n", SAMPLE.read_text(), re.DOTALL)
    assert exchange is not None
    beat = '---\nevent: {}\nof: 1\nat: {}\njson: |-\n  {{\n    "type": "HEARTBEAT"\n  }}\n...\n'
    body = START.partition(b"\n")[2].decode()
    first = f"---\nevent: 2\nof: 1\nat: 2.0\njson: '{body}'\n...\n"
    path.write_text(head + exchange[0] + beat.format(1, 1.0) + first + beat.format(3, 40.0))
    *rows, last = objects(path, code=4)
    assert last["summary"]["reasons"] == {"before-subscribed": 1, "gap": 1}
    assert rows[3]["remarks"][0]["text"] == "no event for 38.0 s; heartbeats are sent every 15 s"


def test_bodies_of_calls_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "calls.yaml"
    head = SAMPLE.read_text().partition("\n...\n")[0] + "\n...\n"
    request = "{method: POST, path: /api/v1, headers: {Content-Type: application/json}, json: %s}"
    answer = "{after: 0, status: 200, headers: {Content-Type: application/json}, json: %s}"
    cases = [
        ("{type: GET_HEALTH}", "{type: GET_HEALTH, get_health: {healthy: true}}", None),
        ("{type: GET_CONTAINERS}", "{}", "wrong-server"),
        ("{type: SOLVE}", "{}", "unknown-enum"),
        ("{type: RESERVE_RESOURCES, reserve_resources: {}}", "{}", "missing-field"),
        ("{type: GET_HEALTH}", "{type: GET_HEALTH, get_health: {}}", "missing-field"),
        ("{type: SUBSCRIBE}", "{type: SUBSCRIBED}", "plain-json"),
    ]
    text = head
    for number, (call, body, _) in enumerate(cases, 1):
        text += (
            f"---\nexchange: {number}\nat: {number}\nclient: 1\n"
            f"request: {request % call}\nresponse: {answer % body}\n...\n"
        )
    path.write_text(text)
    *rows, _ = objects(path, code=5)
    assert [row.get("remarks", [{"reason": None}])[0]["reason"] for row in rows[: len(cases)]] == [
        reason for _, _, reason in cases
    ]
    assert [row["exchange"] for row in rows[len(cases) :]] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_a_running_master_is_followed(encoding: str) -> None:
    with running("replay", SAMPLE, "--pace", "instant") as player:
        command = [*MESOTAPE, "inspect", player.url, "--follow", "--encoding", encoding, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            rows = [json.loads(process.stdout.readline()) for _ in range(19)]
            process.send_signal(signal.SIGINT)
            last = json.loads(process.stdout.read())
        assert process.returncode == 0
    assert rows[0]["what"] == "exchange"
    assert [row["type"] for row in rows[1:4]] == ["SUBSCRIBED", "HEARTBEAT", "AGENT_ADDED"]
    assert last["summary"]["events"]["TASK_UPDATED"]["count"] == 9


def test_a_server_that_is_not_there_is_an_error() -> None:
    done = run("inspect", "http://127.0.0.1:9", "--follow")
    assert done.returncode == 1
    assert "http://127.0.0.1:9: cannot subscribe" in done.stderr


def write_flows(path: Path, *flows: HTTPFlow) -> None:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for each in flows:
            writer.add(each)


def test_a_flow_file_is_inspected(tmp_path: Path) -> None:
    subscription = flow(b'{"type":"SUBSCRIBE"}', START + b"+20\n" + HEARTBEAT[3:])
    assert subscription.response is not None
    subscription.response.headers["Transfer-Encoding"] = "chunked"
    unfinished = flow(b'{"type":"GET_STATE"}', b"")
    unfinished.response = None
    path = tmp_path / "flows"
    health = flow(HEALTH, b'{"type":"GET_HEALTH","get_health":{"healthy":true}}')
    write_flows(path, health, subscription, unfinished)
    *rows, last = objects(path, code=5)
    assert [row.get("type") for row in rows] == [
        "GET_HEALTH",
        "SUBSCRIBE",
        "SUBSCRIBED",
        "HEARTBEAT",
        "GET_STATE",
    ]
    assert [row.get("status") for row in rows] == [200, 200, None, None, None]
    assert rows[0]["peer"] == "127.0.0.1:22"
    assert last["summary"]["reasons"] == {"sign": 1}
    path.write_bytes(path.read_bytes()[:-20])
    text = "not a flow file of mitmproxy: flow 3, at byte "
    assert re.search(f"{text}[0-9]+: the file ends inside it\n$", run("inspect", path).stderr)


def on_terminal(columns: int, *arguments: str | Path, **more: str) -> str:
    """What a terminal of a width gets."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [*MESOTAPE, "inspect", *map(str, arguments)],
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm-256color", "PAGER": "cat"} | more,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        said += data
    process.wait()
    os.close(ours)
    return said.decode()


STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [40, 160])
@pytest.mark.parametrize("path", [GOLDEN, SAMPLE])
def test_a_terminal_gets_colours_heads_and_whole_lines(columns: int, path: Path) -> None:
    said = on_terminal(columns, path)
    assert "\x1b[" in said
    heads, *lines = STYLE.sub("", said).splitlines()
    assert re.match(r" +row +time \(s\) .*type +", heads)
    rows = [line for line in lines if re.match(r" *[0-9]+ +[0-9]+\.[0-9]{3}", line)]
    assert max(len(line) for line in [heads, *rows]) <= columns
    at = heads.index("type")
    assert {line[at - 1] for line in rows} == {" "}


def test_the_second_column_of_raw_bytes_is_their_offset(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(START + HEARTBEAT)
    heads = STYLE.sub("", on_terminal(80, path)).splitlines()[0]
    assert heads.split()[:2] == ["row", "offset"]


def test_a_terminal_gets_pages_unless_they_are_refused() -> None:
    pager = "sed s/^/paged:/"
    paged = STYLE.sub("", on_terminal(80, SAMPLE, PAGER=pager)).splitlines()
    plain = STYLE.sub("", on_terminal(80, SAMPLE, "--no-pager", PAGER=pager)).splitlines()
    assert paged == [f"paged:{line}" for line in plain]


def test_a_reader_who_leaves_the_pager_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(START + HEARTBEAT * 50_000)
    assert len(on_terminal(80, path, PAGER="head -2").splitlines()) == 2


def test_there_are_no_colours_in_a_pipe_or_with_no_color() -> None:
    piped = run("inspect", SAMPLE).stdout
    assert "\x1b" not in piped
    assert max(len(line) for line in piped.splitlines()) > 160
    assert "…" not in piped
    coloured = re.compile(r"\x1b\[3[0-9]m")
    assert coloured.search(on_terminal(80, GOLDEN, "--bad"))
    assert not coloured.search(on_terminal(80, GOLDEN, "--bad", NO_COLOR="1"))


def test_two_events_have_no_rate() -> None:
    events = objects(SAMPLE)[-1]["summary"]["events"].values()
    assert {one["count"] for one in events if "per_second" not in one} == {2}
    assert {one["count"] for one in events if "per_second" in one} == {6, 18}


def test_a_reader_that_closes_the_pipe_early_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(START + HEARTBEAT * 50_000)
    command = f"{' '.join(MESOTAPE)} inspect {path} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
