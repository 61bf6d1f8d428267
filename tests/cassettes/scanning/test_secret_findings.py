"""The secrets of a cassette are found, with their places."""

from pathlib import Path

from support.secret_cassettes import (
    HEADER,
    LATE,
    PASSWORD,
    event,
    secret_documents,
    write_documents,
    write_parts,
)

from mesotape.cassettes.format.documents import CassetteError, Note
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.scanning.secret_findings import (
    BLOCK_BYTES,
    SecretFinding,
    find_secrets,
    has_known_secret,
)
from mesotape.cassettes.storage.reader import Cassette


def find(path: Path) -> list[SecretFinding | CassetteError]:
    with Cassette.open(path, lenient=True) as cassette:
        return [*find_secrets(cassette, Redactor())]


def places(path: Path) -> list[str]:
    found = [str(each) for each in find(path) if isinstance(each, SecretFinding)]
    return [each.removeprefix(f"{path}:") for each in found]


def test_each_place_is_a_finding_and_late_ones_come_last(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "a.yaml", secret_documents())
    variable = "json.command.environment.variables[0].value"
    assert places(path) == [
        "7: exchange 1: request.headers.Authorization: authorization",
        f"51: event 3 of exchange 1: {variable}: environment",
        "70: note: note: url-query",
        "37: event 2 of exchange 1: json.task_added.task.name: known-value",
    ]
    assert PASSWORD not in str(find(path))


def test_a_finding_has_the_numbers_of_its_document(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "a.yaml", secret_documents())
    numbers = [(each.exchange, each.event) for each in find(path)]  # type: ignore[union-attr]
    assert numbers == [(1, None), (1, 3), (1, None), (1, 2)]


def test_a_cassette_without_secrets_has_no_findings(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "a.yaml", [HEADER, event(1, {"type": "HEARTBEAT"})])
    assert find(path) == []


def test_a_finding_has_the_file_of_its_part(tmp_path: Path) -> None:
    first, second = write_parts(tmp_path)
    variable = "json.command.environment.variables[0].value"
    assert [str(each) for each in find(first)] == [
        f"{first}:7: exchange 1: request.headers.Authorization: authorization",
        f"{second}:8: event 3 of exchange 1: {variable}: environment",
        f"{second}:27: note: note: url-query",
        f"{first}:37: event 2 of exchange 1: json.task_added.task.name: known-value",
    ]


def test_comments_and_what_was_cut_off_are_read(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "a.yaml", [HEADER])
    with path.open("a") as file:
        file.write(f"# password={PASSWORD}\n---\n# token={LATE}\nnote: a\nat: 1\n...\n")
        file.write(f"---\nnote: the password=other-{PASSWORD[::-1]}\n")
    assert places(path) == [
        "2: after the document: bytes: assignment",
        "8: note: comment: assignment",
        "8: after the document: bytes: assignment",
    ]


def test_a_wrong_document_is_an_error_and_is_read_as_bytes(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "a.yaml", [HEADER])
    with path.open("a") as file:
        file.write(f"---\nnote: the password={PASSWORD}\nat: never\n...\n")
    error, finding = find(path)
    assert isinstance(error, CassetteError)
    assert str(error).startswith(f"{path}:8: ")
    assert str(finding) == f"{path}:7: wrong document: bytes: assignment"


def test_a_known_secret_is_found_at_every_offset_of_a_block(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.redact(Note(note=f"?token={LATE}", at=1))
    head = write_documents(tmp_path / "a.yaml", [HEADER]).read_bytes()
    for shift in (-len(LATE), -1, 0, 1):
        filler = b"#" * (BLOCK_BYTES + shift - len(head))
        path = tmp_path / "b.yaml"
        path.write_bytes(head + filler + LATE.encode() + b"\n")
        with Cassette.open(path) as cassette:
            begin = len(head + filler)
            assert has_known_secret(cassette, redactor.secrets)
            assert has_known_secret(cassette, redactor.secrets, 0, begin + 1)
            assert not has_known_secret(cassette, redactor.secrets, begin + 1)


def test_a_place_never_shows_a_secret_or_control_characters(tmp_path: Path) -> None:
    values = {LATE: {"DB_PASSWORD": PASSWORD}, "\x1b[31m": {"API_KEY": LATE}, "a" * 999: PASSWORD}
    path = write_documents(tmp_path / "a.yaml", [HEADER, Note(note=f"?token={LATE}", at=1)])
    path.write_bytes(path.read_bytes() + format_document(event(1, values)))
    assert [each.split(": ")[2] for each in places(path)[1:]] == [
        "json.…",
        r"json.\x1b[31m.API_KEY",
        f"json.{'a' * 251}…",
    ]
