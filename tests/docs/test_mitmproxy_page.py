"""The examples and options in docs/mitmproxy.md are those of the addons."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from support.mitmproxy_flows import flow, of_response, taddons
from support.paths import ROOT
from support.sockets import (
    LAST_CHUNK,
    STREAMING,
    SUBSCRIBE,
    Upstream,
    connect,
    eventually,
    post,
    record,
)

from mesotape.addons.inspector import Inspector
from mesotape.addons.recorder import Recorder
from mesotape.addons.views.stream_view import StreamView
from mesotape.proto.recordio import encode

TEXT = (ROOT / "docs" / "mitmproxy.md").read_text()
MATCHES = re.findall(r"^    ((mitmweb|mitmdump) (?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
COMMANDS = {name: text for text, name in MATCHES}
BIN = Path(sys.executable).parent

SUBSCRIBED = b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}'
HEARTBEAT = b'{"type":"HEARTBEAT"}'


def test_the_example_is_the_text_of_the_view() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)\n```$", TEXT, re.DOTALL | re.MULTILINE)
    data = encode(SUBSCRIBED) + b"12x\n" + encode(HEARTBEAT) + encode(HEARTBEAT)[:10]
    view = StreamView(lambda: "master")
    assert view.prettify(data, of_response(flow(SUBSCRIBE))) == example


def test_the_options_are_those_of_the_addons() -> None:
    documented = set(re.findall(r"^\| `(mesotape_\w+)` \|", TEXT, re.MULTILINE))
    with taddons.context(Recorder(), Inspector()) as context:
        names = set(context.options.keys())
    assert documented == {name for name in names if name.startswith("mesotape_")}


def test_the_commands_show_a_stream(tmp_path: Path) -> None:
    """Here mitmdump prints it; test_mitmweb.py has the rest."""
    log = tmp_path / "log"
    with Upstream() as upstream, log.open("wb") as output:
        mode = f"reverse:{upstream.url}@127.0.0.1:0"
        text = COMMANDS["mitmdump"].replace(
            "reverse:http://master.example:5050@127.0.0.1:5050", mode
        )
        assert mode in text
        process = subprocess.Popen(
            ["sh", "-c", f"exec {text} --set confdir={tmp_path}"],
            stdout=output,
            stderr=output,
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"},
        )
        try:
            listening = eventually(
                lambda: re.search(r"listening at 127\.0\.0\.1:([0-9]+)\.", log.read_text()),
                "mitmdump that listens",
            )
            with connect(("127.0.0.1", int(listening[1]))) as client:
                client.send(post(SUBSCRIBE))
                with upstream.accept() as server:
                    server.message()
                    server.send(STREAMING, record(SUBSCRIBED), record(HEARTBEAT))
                    client.until(HEARTBEAT)
                    server.send(LAST_CHUNK)
                    client.until(LAST_CHUNK)
            eventually(lambda: "record 2, HEARTBEAT: byte 73" in log.read_text(), "record 2")
            process.send_signal(signal.SIGINT)
            process.wait(20)
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


def test_both_commands_are_the_same_but_for_what_is_kept() -> None:
    alike = COMMANDS["mitmdump"].replace("mitmdump", "mitmweb")
    assert alike.startswith(COMMANDS["mitmweb"])
