"""The cassettes in a folder."""

import gzip
from pathlib import Path

from mesotape.cassettes.storage.finding import cassettes_in

HEADER = b"---\nmesotape: 1\nrecorded_at: 2026-01-01T00:00:00Z\n"


def test_files_that_may_be_cassettes_are_found(tmp_path: Path) -> None:
    files = {
        "b.yaml": HEADER + b"...\n",
        "deep/er/a.yml": HEADER + b"...\n",
        "packed.yaml.gz": gzip.compress(HEADER + b"...\n"),
        "packed.2.yaml.gz": gzip.compress(HEADER + b"part: 2\n...\n"),
        "part.yaml": HEADER + b"...\n---\nnote: x\nat: 1\n...\npart: 2\n",
        "other.yaml": b"a: 1\n",
        "empty.yaml": b"",
        "b.2.yaml": HEADER + b"part: 2\n...\n",
        "alone.3.yaml": HEADER + b"part: 3\n...\n",
        "b.txt": HEADER + b"...\n",
    }
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "folder.yaml").mkdir()
    found = [str(each.relative_to(tmp_path)) for each in cassettes_in(tmp_path)]
    assert found == ["alone.3.yaml", "b.yaml", "deep/er/a.yml", "packed.yaml.gz", "part.yaml"]
