"""Options of mitmproxy that `mesotape record` sets, and an upstream that is itself."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from mitmproxy import options
from mitmproxy.tools.dump import DumpMaster
from support.cassette_contents import kept
from support.commands import run, running
from support.paths import ROOT
from support.sockets import Upstream, answer, connect, get

from mesotape.addons.recorder import Recorder
from mesotape.addons.traffic.mitmproxy_addons import addon_options, refused_options
from mesotape.addons.traffic.own_address import is_own_address
from mesotape.proto.http.address import Address
from mesotape.proxy.commands.mitm import RecordingProxy


async def option_names() -> tuple[set[str], set[str]]:
    """Return the options of mitmdump, and those of the recorder if it is asked for all."""
    loop = asyncio.get_running_loop()
    theirs = set(DumpMaster(options.Options(), loop).options.keys())
    asked = theirs - set(refused_options())
    ours = set(RecordingProxy(Recorder(), lambda _: None, asked).options.keys())
    return theirs, {each for each in ours if not each.startswith("mesotape_")}


def test_each_option_of_mitmdump_works_or_is_refused_for_a_reason() -> None:
    theirs, ours = asyncio.run(option_names())
    assert theirs - ours == set(refused_options()) & theirs
    assert set(refused_options()) <= theirs
    assert addon_options() <= theirs


def test_the_page_lists_the_refused_options() -> None:
    page = (ROOT / "docs" / "record.md").read_text().partition("## Options of mitmproxy")[2]
    listed = re.findall(r"^\| (`.*`) \|", page.partition("\n## ")[0], re.MULTILINE)
    names = re.findall(r"`([a-z_*]+)`", " ".join(listed))
    patterns = "|".join(name.replace("*", "[a-z_]+") for name in names)
    refused = refused_options()
    assert [each for each in refused if not re.fullmatch(patterns, each)] == []
    assert {each for each in names if "*" not in each} <= set(refused)


def test_addons_of_options_take_effect(tmp_path: Path) -> None:
    path, flows = tmp_path / "cassette.yaml", tmp_path / "flows"
    settings = [
        "upstream_auth=ops:secret",
        "modify_headers=/~q/X-Team/ops",
        "modify_headers=/~s/X-Seen/yes",
        "anticache=true",
        "block_list=|~u /blocked|418",
        f"save_stream_file={flows}",
    ]
    words = [word for setting in settings for word in ("--set", setting)]
    with Upstream() as upstream, running("record", upstream.url, "-o", path, *words) as recorder:
        with connect(recorder.address) as client:
            client.send(get(b"/version", b'If-None-Match: "x"'))
            with upstream.accept() as server:
                seen = server.message()
                server.send(answer(b"{}"))
                got = client.message()
                client.send(get(b"/blocked"))
                assert client.until(b"\r\n").startswith(b"HTTP/1.1 418 ")
        assert recorder.stop() == 0, recorder.said
    assert b"\r\nAuthorization: Basic b3BzOnNlY3JldA==\r\n" in seen
    assert b"\r\nX-Team: ops\r\n" in seen
    assert b"If-None-Match" not in seen
    assert b"\r\nX-Seen: yes\r\n" in got
    assert [one.exchange.response.status for one in kept(path)] == [200, 418]
    assert "b3BzOnNlY3JldA" not in path.read_text()
    assert run("inspect", flows).stdout.count("GET") >= 2


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("upstream_auth=x", "--set upstream_auth: Invalid upstream auth specification: x"),
        ("modify_headers=x", "--set modify_headers: Cannot parse modify_headers option x: "),
        ("tcp_timeout=soon", "--set tcp_timeout: Failed to parse option tcp_timeout: not an "),
        ("anticache=maybe", "--set anticache: Failed to parse option anticache: "),
        ("upstream_aut=a:b", "no such option; the nearest is upstream_auth"),
        ("xyzzy=1", "--set xyzzy: mitmproxy has no such option\n"),
        ("rfile=x", "--set rfile: flow files are read by mesotape inspect"),
        ("server_replay=x", "--set server_replay: mitmproxy does not replay here: use mesotape "),
    ],
)
def test_a_wrong_option_is_an_error_of_one_line(tmp_path: Path, setting: str, text: str) -> None:
    path = tmp_path / "cassette.yaml"
    done = run("record", "http://127.0.0.1:9", "-o", path, "--set", setting)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert text in done.stderr
    assert not path.exists()


@pytest.mark.parametrize(
    ("host", "listening", "is_own"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("LocalHost", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        (socket.gethostname(), "0.0.0.0", True),
        ("192.0.2.1", "0.0.0.0", False),
        ("127.0.0.2", "127.0.0.1", False),
        ("name.invalid", "0.0.0.0", False),
    ],
)
def test_own_addresses(host: str, listening: str, is_own: bool) -> None:
    assert is_own_address(Address(host, 5050), [Address(listening, 5050)]) == is_own
    assert not is_own_address(Address(host, 5051), [Address(listening, 5050)])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("mode", [[], ["--mode"]])
def test_an_upstream_that_is_the_recorder_is_refused(
    tmp_path: Path, host: str, mode: list[str]
) -> None:
    with Upstream(listens=False) as free:
        port = free.port
    url = f"http://{host}:{port}"
    upstream = [*mode, f"upstream:{url}"] if mode else [url]
    path = tmp_path / "cassette.yaml"
    done = run("record", *upstream, "-o", path, "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"mesotape: the upstream {host}:{port} is this recorder, which ")
    assert not path.exists()


def test_a_leader_that_is_the_recorder_is_not_connected_to(tmp_path: Path) -> None:
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", tmp_path / "c.yaml") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(get(b"/state"))
        with upstream.accept() as server:
            server.message()
            location = f"Location: //localhost:{recorder.address[1]}/state"
            server.send(
                b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n",
                location.encode() + b"\r\n\r\n",
            )
            client.message()
            client.send(get(b"/state"))
            assert client.until(b"\r\n").startswith(b"HTTP/1.1 502 ")
