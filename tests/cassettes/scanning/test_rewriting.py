"""A cassette is written anew without its secrets."""

import fcntl
import gzip
import os
import stat
from pathlib import Path

import pytest
from support.capture_to_cassette import taped
from support.captures import load
from support.secret_cassettes import (
    HEADER,
    LATE,
    PASSWORD,
    SECRETS,
    event,
    secret_documents,
    write_documents,
    write_parts,
)

from mesotape.cassettes.format.documents import CassetteError, Note
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.scanning import rewriting
from mesotape.cassettes.scanning.rewriting import RedactedFile, redact_cassette
from mesotape.cassettes.scanning.secret_findings import find_secrets
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "a.yaml", secret_documents())


def redact(path: Path, output: Path | None = None) -> RedactedFile:
    return redact_cassette(path, DEFAULT_RULES, output)


def test_no_secret_is_left_and_the_same_gets_the_same_placeholder(cassette: Path) -> None:
    result = redact(cassette)
    text = cassette.read_text()
    assert not [secret for secret in SECRETS if secret in text]
    assert text.count("REDACTED-1\n") == text.count('"REDACTED-1"') == 1  # header and variable
    assert 'of REDACTED-2"' in text
    assert "?token=REDACTED-2" in text
    assert result.left == []
    assert result.counts == {
        "authorization": 1,
        "environment": 1,
        "known-value": 1,
        "url-query": 1,
    }


def test_the_header_lists_the_rules_by_which_a_replay_compares(cassette: Path) -> None:
    redact(cassette)
    with Cassette.open(cassette) as redacted:
        assert redacted.header.redaction == DEFAULT_RULES.all_ids()


def test_redacting_twice_changes_nothing(cassette: Path) -> None:
    redact(cassette)
    before = cassette.stat()
    assert redact(cassette) == RedactedFile()
    after = cassette.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_parts_are_redacted_in_place_with_the_same_placeholders(tmp_path: Path) -> None:
    parts = write_parts(tmp_path)
    result = redact(parts[0])
    first, second = (path.read_text() for path in parts)
    assert not [secret for secret in SECRETS if secret in first + second]
    assert "Bearer REDACTED-1" in first
    assert '"value": "REDACTED-1"' in second
    assert 'of REDACTED-2"' in first
    assert "?token=REDACTED-2" in second
    assert sum(result.counts.values()) == 4
    with Cassette.open(parts[0]) as cassette:
        assert cassette.part_paths == parts
    assert redact(parts[0]) == RedactedFile()


def test_parts_stay_if_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = write_parts(tmp_path)
    before = [path.read_bytes() for path in parts]
    written = rewriting._write_redacted

    def failing(cassette: Cassette, *arguments: object) -> object:
        if str(cassette.path).endswith("a.2.yaml"):
            raise OSError(28, "No space left on device")
        return written(cassette, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rewriting, "_write_redacted", failing)
    with pytest.raises(OSError, match="No space"):
        redact(parts[0])
    assert [path.read_bytes() for path in parts] == before
    assert sorted(tmp_path.iterdir()) == sorted(parts)


def test_a_file_without_secrets_is_copied_to_the_output(tmp_path: Path) -> None:
    clean = write_documents(tmp_path / "a.yaml", [HEADER, event(1, {"type": "HEARTBEAT"})])
    redact(clean, tmp_path / "b.yaml")
    assert (tmp_path / "b.yaml").read_bytes() == clean.read_bytes()


def test_an_output_leaves_the_file_and_is_for_its_owner_only(cassette: Path) -> None:
    before = cassette.read_bytes()
    output = cassette.with_name("b.yaml")
    redact(cassette, output)
    assert cassette.read_bytes() == before
    assert PASSWORD not in output.read_text()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_the_mode_of_the_file_stays(cassette: Path, mode: int) -> None:
    cassette.chmod(mode)
    redact(cassette)
    assert stat.S_IMODE(cassette.stat().st_mode) == mode


def test_a_link_stays_a_link(cassette: Path) -> None:
    link = cassette.with_name("link.yaml")
    link.symlink_to(cassette)
    redact(link)
    assert link.is_symlink()
    assert PASSWORD not in cassette.read_text()


def test_a_compressed_file_stays_compressed(cassette: Path) -> None:
    packed = cassette.with_name("a.yaml.gz")
    packed.write_bytes(gzip.compress(cassette.read_bytes()))
    redact(packed)
    redact(cassette)
    assert gzip.decompress(packed.read_bytes()) == cassette.read_bytes()


def test_numbers_go_on_after_the_placeholders_in_the_file(tmp_path: Path) -> None:
    notes = [Note(note="see REDACTED-41", at=1), Note(note=f"?token={LATE}", at=2)]
    path = write_documents(tmp_path / "a.yaml", [HEADER, *notes])
    redact(path)
    assert "?token=REDACTED-42" in path.read_text()


def test_documents_without_secrets_and_comments_between_documents_stay(tmp_path: Path) -> None:
    odd = "---\n# mine\n{note: 'a', at: 1}   # here\n...\n"
    between = f"# before\n#   password={PASSWORD}\n\n"
    path = write_documents(tmp_path / "a.yaml", [HEADER])
    path.write_text(
        f"{path.read_text()}{odd}{between}---\nnote: ?token={LATE}\nat: 2 # lost\n...\n# end\n"
    )
    redact(path)
    text = path.read_text()
    assert f"\n{odd}# before\n#   password=REDACTED-1\n\n---\nnote: " in text
    assert text.endswith('?token=REDACTED-2"\nat: 2.000000\n...\n# end\n')


def test_a_document_that_was_cut_off_is_left_out(cassette: Path) -> None:
    with cassette.open("a") as file:
        file.write(f"---\nnote: {PASSWORD}\n# {PASSWORD}\n")
    redact(cassette)
    assert PASSWORD not in cassette.read_text()
    assert cassette.read_text().count("\n---\n") == len(secret_documents()) - 1


def test_a_secret_in_a_name_is_reported(tmp_path: Path) -> None:
    documents = [HEADER, event(1, {LATE: 1}), Note(note=f"?token={LATE}", at=2)]
    path = write_documents(tmp_path / "a.yaml", documents)
    assert redact(path).left == [f"{path}:7"]


def test_a_wrong_document_is_refused(cassette: Path) -> None:
    with cassette.open("a") as file:
        file.write("---\nnote: a\nat: never\n...\n")
    before = cassette.read_bytes()
    with pytest.raises(CassetteError, match=r"a\.yaml:\d+: "):
        redact(cassette)
    assert cassette.read_bytes() == before


def test_a_recorder_that_writes_to_the_file_is_named(cassette: Path) -> None:
    with cassette.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        with pytest.raises(CassetteError, match="a recorder is writing to it: stop it first"):
            redact(cassette)


@pytest.mark.parametrize("function", ["fsync", "fchmod"])
def test_an_error_leaves_the_file_and_nothing_beside_it(
    cassette: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = cassette.read_bytes()
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space left"):
        redact(cassette)
    assert cassette.read_bytes() == before
    assert [*cassette.parent.iterdir()] == [cassette]


def test_a_secret_is_never_in_the_new_file_while_it_is_written(
    cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        (new,) = (each for each in cassette.parent.iterdir() if each != cassette)
        seen.append(new.read_text())
        raise OSError(28, "No space left on device")

    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        redact(cassette)
    assert "REDACTED-2" in seen[0]
    assert not [secret for secret in SECRETS if secret in seen[0]]


def test_a_capture_is_sound_and_free_of_secrets_afterwards(tmp_path: Path) -> None:
    path = taped(load("secrets-agent"), tmp_path / "a.yaml", "agent")
    redact(path)
    with Cassette.open(path) as cassette:
        assert [each for each in find_problems(cassette) if each.level == "error"] == []
        assert [*find_secrets(cassette, Redactor())] == []
