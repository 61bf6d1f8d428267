import io
from collections.abc import Callable
from pathlib import Path

import pytest
from support.capture_to_cassette import taped
from support.captures import load, names_for_formats
from support.imported_files import documents
from support.packet_captures import packets_of, pcap, pcapng, segments_of

from mesotape.cassettes.importing.new_cassette import write_cassette
from mesotape.cassettes.importing.packet_reader import read_packet_capture
from mesotape.cassettes.importing.raw_reader import RawHints
from mesotape.cassettes.importing.traffic import Origins
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import NO_RULES

type Told = tuple[Path, list[str]]


def imported(data: bytes, folder: Path, upstream: str | None = None) -> Told:
    losses, output = Losses(), folder / "imported.yaml"
    traffic = read_packet_capture(io.BytesIO(data), RawHints(), Origins(upstream), losses)
    write_cassette(output, traffic, None, Redactor(NO_RULES), 1 << 24)
    return output, [str(loss) for loss in losses]


@pytest.mark.parametrize("name", names_for_formats())
def test_a_capture_in_packets_is_the_recording(name: str, tmp_path: Path) -> None:
    capture = load(name)
    path, losses = imported(pcap(packets_of(segments_of(capture))), tmp_path)
    old, new = [[d for d in documents(p) if not d.startswith(b"---\nmesotape")] for p in (taped(capture, tmp_path / "old.yaml"), path)]
    import difflib

    if old != new:
        a = b"".join(old).decode().splitlines()
        b = b"".join(new).decode().splitlines()
        print("\n".join(list(difflib.unified_diff(a, b, lineterm="", n=3))[:70]))
    assert losses == []
    assert old == new
