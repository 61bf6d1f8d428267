from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter
from support.imported_files import FILES, imported
from support.mitmproxy_flows import flow

from mesotape.cassettes.interchange.losses import Losses

CALL, ANSWER = b'{"type":"GET_HEALTH"}', b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'


def test_the_file_of_mitmdump_is_read(tmp_path: Path) -> None:
    losses = Losses()
    with imported(FILES / "mitmdump.flow", tmp_path, losses) as cassette:
        assert cassette.header.recorder.startswith("mitmproxy, imported by mesotape")
        exchanges = [*cassette.exchanges()]
        assert [each.response.status for each in exchanges] == [200] * 4
        assert len([*cassette.events(4)]) == 3
    assert len([*losses]) == 1


def test_flows_are_in_the_order_of_their_requests(tmp_path: Path) -> None:
    path, losses = tmp_path / "x.flow", Losses()
    late, early = flow(CALL, ANSWER), flow(CALL, ANSWER)
    late.request.timestamp_start += 5
    with path.open("wb") as file:
        for each in (late, early):
            FlowWriter(file).add(each)
    with imported(path, tmp_path, losses) as cassette:
        assert [each.at for each in cassette.exchanges()] == [0.0, 5.0]


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_streamed_body_is_noted_and_listed(side: str, tmp_path: Path) -> None:
    path, losses = tmp_path / "x.flow", Losses()
    made = flow(CALL, ANSWER)
    getattr(made, side).raw_content = None
    with path.open("wb") as file:
        FlowWriter(file).add(made)
    with imported(path, tmp_path, losses) as cassette:
        (note,) = cassette.notes()
        assert "mitmproxy streamed it" in note.note
    assert [each.text for each in losses] == ["bodies are not in the file: mitmproxy streamed them"]
