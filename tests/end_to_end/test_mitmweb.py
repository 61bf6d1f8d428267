"""Mitmweb in a real browser shows decoded events while a stream is running."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cassette_contents import kept
from support.chromium import Page
from support.mitmproxy_flows import protobuf
from support.sockets import (
    STREAMING,
    Upstream,
    Wire,
    answer,
    chunk,
    connect,
    eventually,
    post,
    record,
)

from mesotape.addons import script
from mesotape.cassettes.storage.reader import Cassette

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
SUBSCRIBED = b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}'
HEARTBEAT = b'{"type":"HEARTBEAT"}'
TASK = (
    b'{"type":"TASK_ADDED","task_added":{"task":{"name":"%b","task_id":{"value":"%b"},'
    b'"framework_id":{"value":"f"},"agent_id":{"value":"a"},"state":"TASK_RUNNING"}}}'
)
STOP_SECONDS = 20.0
MITMWEB = (sys.executable, "-c", "from mitmproxy.tools.main import mitmweb; mitmweb()")


class Mitmweb(NamedTuple):
    """A mitmweb with the script addon in front of an upstream, and the URL of its page."""

    upstream: Upstream
    proxy: tuple[str, int]
    page_url: str
    log_path: Path


@contextlib.contextmanager
def mitmweb(folder: Path, *options: str) -> Iterator[Mitmweb]:
    with Upstream() as upstream, (folder / "mitmweb.log").open("wb") as log:
        web_port = free_port()
        arguments = [
            *("-s", script.__file__, "--mode", f"reverse:{upstream.url}@127.0.0.1:0"),
            *("--no-web-open-browser", "--web-host", "127.0.0.1", "--web-port", str(web_port)),
        ]
        for setting in (f"confdir={folder}", "web_password=look", *options):
            arguments += ["--set", setting]
        process = subprocess.Popen(
            [*MITMWEB, *arguments],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

        def proxy_port() -> int | None:
            assert process.poll() is None, log_path.read_text()
            text = log_path.read_text()
            found = re.search(r"listening at 127\.0\.0\.1:([0-9]+)\.", text)
            return int(found[1]) if found and "Web server listening" in text else None

        log_path = folder / "mitmweb.log"
        try:
            proxy = ("127.0.0.1", eventually(proxy_port, "mitmweb that listens"))
            yield Mitmweb(upstream, proxy, f"http://127.0.0.1:{web_port}/?token=look", log_path)
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log_path.read_text(), log_path.read_text()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def subscribed(
    web: Mitmweb, kind: bytes, call: bytes, *events: bytes
) -> Iterator[tuple[Wire, Wire]]:
    """Open a subscription through the proxy and send events; yield both ends of it."""
    head = post(call).replace(b"application/json", kind)
    with connect(web.proxy) as client:
        client.send(head)
        with web.upstream.accept() as server:
            server.message()
            server.send(STREAMING.replace(b"application/json", kind))
            client.until(b"\r\n\r\n")
            for event in events:
                server.send(record(event))
                client.until(event)
            yield client, server


def show(page: Page, number: int, side: str) -> None:
    """Select a flow in the list, and the tab of its request or response."""
    row = f".flow-table tbody tr:nth-of-type({number + 1})"

    def selected() -> bool:
        """Click again if a click missed because the list grew."""
        page.click(row)
        page.click("nav a", side)
        chosen = f"document.querySelector({row!r}).matches('.selected')"
        tabs = "[...document.querySelectorAll('nav a.active')]"
        tab = f"{tabs}.some(one => one.innerText.includes({side!r}))"
        return page.ask(f"{chosen} && {tab}")

    eventually(selected, f"selected flow {number}")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of screenshots: MESOTAPE_PICTURES, or one of the test."""
    folder = Path(os.environ.get("MESOTAPE_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_events_are_shown_while_streams_are_running(
    page: Page, tmp_path: Path, pictures: Path
) -> None:
    cassette = tmp_path / "cassette.yaml"
    with mitmweb(tmp_path, f"mesotape_cassette={cassette}") as web:
        page.open(web.page_url)
        with subscribed(web, b"application/json", SUBSCRIBE, SUBSCRIBED) as (client, server):
            show(page, 1, "Response")
            seen = page.until_text(".contentview", "1 SUBSCRIBED")
            assert "Mesos RecordIO" in seen
            assert '"heartbeat_interval_seconds": 15.0' in seen
            assert "still running" in seen
            for name in (b"first", b"second"):
                server.send(record(TASK % (name, name)))
                client.until(name + b'"}')
                page.until_text(".contentview", f'"name": "{name.decode()}"')
            page.screenshot(pictures / "json.png")
            server.send(chunk(b"12x\n"), record(HEARTBEAT), chunk(b"20\n{"))
            seen = page.until_text(".contentview", "1 HEARTBEAT")
            page.until_text(".flow-table tbody tr", "SUBSCRIBE · 5 events · 1 malformed")
            page.until_text(".flow-table tbody tr", "⚠")
            page.screenshot(pictures / "summary.png")
            page.scroll_to(".contentview pre div", "MALFORMED")
            page.screenshot(pictures / "malformed.png")
            assert "# MALFORMED: record 4" in seen
            assert "--- # record 4, MALFORMED: byte " in seen
            assert "length is b'12x', expected decimal digits" in seen
            assert "# record 6: byte " in seen

            events = [protobuf(event, "mesos.v1.master.Event") for event in (SUBSCRIBED, HEARTBEAT)]
            call = protobuf(SUBSCRIBE, "mesos.v1.master.Call")
            with subscribed(web, b"application/x-protobuf", call, *events) as (client, server):
                show(page, 2, "Response")
                seen = page.until_text(".contentview", "1 HEARTBEAT")
                assert "mesos.v1.master.Event, protobuf, still running" in seen
                third = protobuf(TASK % (b"third", b"third"), "mesos.v1.master.Event")
                server.send(record(third))
                client.until(third)
                page.until_text(".contentview", '"name": "third"')
                server.send(chunk(b"5\n\xff\xff\xff\xff\xff"))
                seen = page.until_text(".contentview", "MALFORMED: record 4")
                page.scroll_to(".contentview pre div", "MALFORMED")
                page.screenshot(pictures / "protobuf.png")
    recorded = kept(cassette)
    assert len(recorded) == 2
    assert all(any(event.malformed for event in one.events) for one in recorded)


COMMAND = """fetch("/commands/%s", {
    method: "POST",
    headers: {
        "Content-Type": "application/json",
        "X-XSRFToken": document.cookie.match(/_xsrf=([^;]+)/)[1],
    },
    body: JSON.stringify({arguments: %s}),
})"""
"""What the command bar of mitmweb sends."""

ATTACH = b"""\
POST /slave(1)/api/v1 HTTP/1.1
Host: agent.example:5051
Content-Type: application/recordio
Message-Content-Type: application/json
Transfer-Encoding: chunked

""".replace(b"\n", b"\r\n")
TYPED = (
    b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO",'
    b'"process_io":{"type":"DATA","data":{"type":"STDIN","data":"bHMK"}}}}'
)


def test_without_recording_responses_and_streams_are_shown(
    page: Page, tmp_path: Path, pictures: Path
) -> None:
    """One test, because starting mitmweb takes long."""
    with mitmweb(tmp_path) as web:
        page.open(web.page_url)
        see_a_unary_answer(web, page)
        page.screenshot(pictures / "unary.png")
        see_a_stream_to_its_end(web, page)
        page.screenshot(pictures / "ended.png")
        see_a_running_request(web, page)
        page.screenshot(pictures / "input.png")
        saved = tmp_path / "saved.yaml"
        page.ask(COMMAND % ("mesotape.save", json.dumps(["@all", str(saved)])))
        eventually(saved.exists, "the cassette of the flows")
    with Cassette.open(saved) as cassette:
        calls = [one.request.path for one in cassette.exchanges()]
    assert calls == ["/api/v1", "/api/v1", "/slave(1)/api/v1"]


def see_a_unary_answer(web: Mitmweb, page: Page) -> None:
    health = protobuf(b'{"type":"GET_HEALTH"}', "mesos.v1.master.Call")
    healthy = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
    body = protobuf(healthy, "mesos.v1.master.Response")
    kind = b"application/x-protobuf"
    with connect(web.proxy) as client:
        client.send(post(health).replace(b"application/json", kind))
        with web.upstream.accept() as server:
            server.message()
            server.send(answer(body, b"Content-Type: " + kind))
            assert client.message().endswith(body)
    page.until_text(".flow-table tbody tr", "GET_HEALTH")
    show(page, 1, "Response")
    seen = page.until_text(".contentview", "mesos.v1.master.Response, protobuf")
    assert '"healthy": true' in seen


def see_a_stream_to_its_end(web: Mitmweb, page: Page) -> None:
    with subscribed(web, b"application/json", SUBSCRIBE, SUBSCRIBED, HEARTBEAT) as (_, server):
        show(page, 2, "Response")
        page.until_text(".contentview", "1 HEARTBEAT")
        server.send(chunk(b"99\n{"))
    # mitmweb asks again when there are more bytes, and an end has none.
    page.until_text("nav a", "Error")
    show(page, 1, "Response")
    show(page, 2, "Response")
    seen = page.until_text(".contentview", "MALFORMED: record 3")
    assert "the stream ends after 1 of 99 bytes of a record" in seen
    assert "still running" not in seen


def see_a_running_request(web: Mitmweb, page: Page) -> None:
    with connect(web.proxy) as client:
        client.send(ATTACH, record(TYPED))
        with web.upstream.accept() as server:
            server.until(TYPED)
            show(page, 3, "Request")
            seen = page.until_text(".contentview", "1 ATTACH_CONTAINER_INPUT")
    assert "mesos.v1.agent.Call, JSON, still running" in seen
    assert '# STDIN "ls\\n"' in seen
