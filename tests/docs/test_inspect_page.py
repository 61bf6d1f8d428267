"""Every example in docs/inspect.md is what the command prints."""

import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from support.commands import MESOTAPE, run, running
from support.paths import ROOT

from mesotape.proto.diagnosis.problems import SEVERITY_BY_REASON

TEXT = (ROOT / "docs" / "inspect.md").read_text()
EXAMPLES = re.findall(r"^```console\n\$ mesotape (.*?)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'
START = b'85\n{"type":"SUBSCRIBED","subscribed":{"get_state":{},"heartbeat_interval_seconds":15.0}}'
HEADER = "---\nmesotape: 1\nrecorded_at: 2026-01-01T00:00:00Z\n...\n"
NOTE = "---\nnote: paused\nat: {}\n...\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample = (ROOT / "cassettes" / "samples" / "master.yaml").read_bytes()
    (tmp_path / "master.yaml").write_bytes(sample)
    (tmp_path / "stream.bin").write_bytes(START + HEARTBEAT * 2)
    (tmp_path / "damaged.bin").write_bytes(
        START + HEARTBEAT + b"20\r\n" + HEARTBEAT[3:] + HEARTBEAT
    )
    chunks = [b"%x\r\n%b\r\n" % (len(data), data) for data in (START, HEARTBEAT, HEARTBEAT)]
    damaged = chunks[2].replace(b"17", b"1z", 1)
    capture = b"".join([*chunks[:2], damaged, chunks[2], b"0\r\n\r\n"])
    (tmp_path / "capture.bin").write_bytes(capture)
    torn = HEADER + NOTE.format(1) + NOTE.format(2) + NOTE.format(3)
    (tmp_path / "torn.yaml").write_text(torn + "---\nevent: 9\nof: 1\nat")
    return tmp_path


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_shows(command: str, printed: str, folder: Path) -> None:
    if "http://" in command:
        follow(command)
        return
    done = run(*command.split(), cwd=folder)
    output = done.stdout + done.stderr
    if printed.endswith("…\n"):
        assert output.startswith(printed.removesuffix("…\n"))
    else:
        assert output == printed


def follow(command: str) -> None:
    """Run the example against a recording instead of a master."""
    sample = ROOT / "cassettes" / "samples" / "master.yaml"
    with running("replay", sample, "--pace", "instant") as player:
        words = command.replace("http://127.0.0.1:5050", player.url).split()
        with subprocess.Popen([*MESOTAPE, *words], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            process.send_signal(signal.SIGINT)
            process.stdout.read()
    assert [line.split()[3] for line in lines[1:]] == ["#1", "#2"]
    assert "SUBSCRIBED" in lines[1]


def test_all_reasons_are_in_the_table() -> None:
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|", TEXT, re.MULTILINE)
    severities = {
        name: severity for names, severity in rows for name in re.findall("`([a-z0-9-]+)`", names)
    }
    assert severities == SEVERITY_BY_REASON


def test_the_hooks_of_the_page_are_those_of_the_repository() -> None:
    example = next(
        one for one in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    )
    (repo,) = yaml.safe_load(example)["repos"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [one["id"] for one in repo["hooks"]] == [one["id"] for one in hooks]
