"""What editors and platforms do to a cassette: it is read, or the error says what happened."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT
from support.verdicts import validate_cassette

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.reader import Cassette

SAMPLE = (ROOT / "cassettes" / "samples" / "master.yaml").read_text()
BOM = b"\xef\xbb\xbf"


def dumped(text: str) -> bytes:
    documents = yaml.safe_load_all(text)
    return yaml.safe_dump_all(documents, explicit_start=True, explicit_end=True).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: BOM + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: BOM + text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("  ", "    ").encode(),
        lambda text: text.replace("---\n", "---  \n").replace("...\n", "... \t\n").encode(),
        lambda text: text.replace(": |-\n", ": |-  \n").encode(),
        dumped,
    ],
    ids=["BOM", "CRLF", "BOM-CRLF", "no-last-newline", "indent", "blanks", "more-blanks", "PyYAML"],
)
def test_the_content_is_the_same(change: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "changed.yaml"
    path.write_bytes(change(SAMPLE))
    with (
        Cassette.open(path) as changed,
        Cassette.open(ROOT / "cassettes" / "samples" / "master.yaml") as original,
    ):
        assert len(changed) == len(original)
        for one, other in zip(changed.exchanges(), original.exchanges(), strict=True):
            assert (one.request.path, one.request.headers) == (
                other.request.path,
                other.request.headers,
            )
            assert one.response.text == other.response.text
            events = zip(changed.events(one.exchange), original.events(one.exchange), strict=True)
            assert all(a.at == b.at and a.text == b.text for a, b in events)
    assert validate_cassette(path) == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (SAMPLE.replace("\n", "\r").encode(), "1: the lines end with a carriage return alone"),
        (SAMPLE.encode("utf-16"), "1: the file is in UTF-16, expected UTF-8"),
        (SAMPLE.encode("utf-16-le"), "1: the file is in UTF-16LE, expected UTF-8"),
        (SAMPLE.encode("utf-16-be"), "1: the file is in UTF-16BE, expected UTF-8"),
        (SAMPLE.replace("...\n", "").encode(), "2: header: cut off: there is no end mark"),
        (SAMPLE[4:].encode(), "1: not a cassette: expected a line `---`, found 'mesotape: 1'"),
    ],
    ids=["CR", "UTF-16", "UTF-16LE", "UTF-16BE", "no-end-marks", "no-first-mark"],
)
def test_the_error_says_what_happened(data: bytes, error: str, tmp_path: Path) -> None:
    path = tmp_path / "changed.yaml"
    path.write_bytes(data)
    with pytest.raises(CassetteError) as raised:
        Cassette.open(path)
    assert str(raised.value).startswith(f"{path}:{error}")
    assert validate_cassette(path) == [str(raised.value)]


def test_a_tab_in_the_indentation_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tabs.yaml"
    path.write_text(SAMPLE.replace("\n  method", "\n\tmethod", 1))
    (problem,) = [text for text in validate_cassette(path) if "YAML" in text]
    assert problem.endswith("; the line is indented with a tab, expected blanks")


def test_a_name_that_differs_in_case_is_named(tmp_path: Path) -> None:
    (tmp_path / "foo.yaml").write_text(SAMPLE)
    with pytest.raises(CassetteError, match=r"no such file; foo\.yaml differs from it in upper"):
        Cassette.open(tmp_path / "Foo.yaml")
