import json
from pathlib import Path

import pytest

from mesotape.proto.api.negotiation import Encoding
from mesotape.proto.messages import mapping
from mesotape.proto.recordio import encode
from mesotape.proxy.commands.console import CommandError
from mesotape.proxy.inspect import sources
from mesotape.proxy.inspect.summary import InspectionSummary

EVENT = "mesos.v1.master.Event"
EVENTS = [
    b'{"type":"HEARTBEAT"}',
    b'{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"a-1"}}}',
    b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}',
]


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_summary_counts_what_the_rows_are(
    encoding: Encoding, is_known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "BLOCK", 250 if encoding == "json" else 70)
    payloads = EVENTS
    if encoding == "protobuf":
        payloads = [mapping.decode(each, EVENT).SerializeToString() for each in EVENTS]
    damage = [b"+20\n", b"5\n{", b"", encode(b"\xff"), encode(b'{"type":"LATER"}'), b"99\n"]
    path = tmp_path / "stream"
    path.write_bytes(b"".join(b"".join(map(encode, payloads)) * 3 + each for each in damage))
    summaries: list[str] = []
    for runs in ("counted", "listed", None):
        hints = sources.SourceHints(
            message_name=EVENT,
            encoding=encoding if is_known else None,
            runs=runs,
        )
        summary = InspectionSummary()
        rows = list(sources.rows(str(path), hints, lambda path, percent: None))
        for row in rows:
            summary.add_row(row)
        summaries.append(json.dumps([summary.rows, summary.to_dict()]))
        assert (len(rows) < summary.rows) == (runs is not None)
    assert len(set(summaries)) == 1
    assert "before-subscribed" in summaries[0]


def test_an_endless_device_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SEARCHED_BYTES", 1 << 20)
    with pytest.raises(CommandError, match=r"^/dev/zero: expected a cassette, a stream of rec"):
        list(sources.rows("/dev/zero", sources.SourceHints(), lambda path, percent: None))
