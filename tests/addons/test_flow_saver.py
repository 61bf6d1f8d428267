"""The command that saves flows as a cassette."""

import asyncio
import logging
from pathlib import Path

import pytest
from mitmproxy import exceptions, http
from support.cassette_contents import kept
from support.mitmproxy_flows import flow, taddons

from mesotape.addons.flow_saver import FlowSaver
from mesotape.addons.views.kept_body import KeptRange
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.recordio import encode

HEARTBEAT = encode(b'{"type":"HEARTBEAT"}')
SECRET = "kX9-fj2-ffQ0zz"


def agents() -> http.HTTPFlow:
    made = flow(b'{"type":"GET_AGENTS"}', b'{"type":"GET_AGENTS","get_agents":{}}')
    made.request.headers["Authorization"] = f"Bearer {SECRET}"
    return made


def subscription() -> http.HTTPFlow:
    made = flow(b'{"type":"SUBSCRIBE"}', HEARTBEAT * 3)
    assert made.response is not None
    made.response.headers.clear()
    made.response.headers["Content-Type"] = "application/json"
    made.response.headers["Transfer-Encoding"] = "chunked"
    KeptRange(23, 92, 2).save_to_flow(made, "response")
    return made


def save(flows: list[http.HTTPFlow], path: Path) -> None:
    async def transcript() -> None:
        saver = FlowSaver()
        with taddons.context(saver):
            saver.save(flows, str(path))
            await saver.done()

    asyncio.run(transcript())


def test_flows_become_a_cassette_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "c.yaml"
    save([subscription(), agents()], path)
    assert SECRET not in path.read_text()
    stream, call = sorted(kept(path), key=lambda one: -len(one.events))
    assert stream.records == [b'{"type":"HEARTBEAT"}'] * 3
    with Cassette.open(path) as cassette:
        assert len(cassette) == 2
        assert cassette.header.recorder is not None
    assert not call.events
    assert "2 exchanges, 3 events" in caplog.text
    assert "only the ends of 1 stream were kept" in caplog.text
    assert [each.name for each in tmp_path.iterdir()] == ["c.yaml"]


def test_a_secret_that_is_left_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = agents()
    one.request.content = b'{"type":"GET_AGENTS","%b":1}' % SECRET.encode()
    save([one], tmp_path / "c.yaml")
    assert SECRET in (tmp_path / "c.yaml").read_text()
    assert "c.yaml: a secret is left: it is in a name; run mesotape redact" in caplog.text


def test_a_file_that_exists_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mine")
    with pytest.raises(exceptions.CommandError, match="exists already"):
        save([agents()], path)
    assert path.read_text() == "mine"


def test_nothing_selected_is_said(tmp_path: Path) -> None:
    with pytest.raises(exceptions.CommandError, match="no flow is selected"):
        save([], tmp_path / "c.yaml")


def test_what_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save([agents()], tmp_path / "missing" / "c.yaml")
    assert "was not saved" in caplog.text
