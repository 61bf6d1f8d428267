import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import START_SECONDS
from support.paths import ROOT

from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.commands import demo as demo_module

README = ROOT / "README.md"


def test_the_demo_does_what_the_readme_shows(tmp_path: Path) -> None:
    cassette = tmp_path / "my demo.yaml"
    script = Path(sys.executable).with_name("mesotape")
    command = [script, "demo", "-o", cassette]
    demo = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert demo.returncode == 0, demo.stderr
    shown = README.read_text().split("<!-- demo -->\n```\n")[1].split("```")[0]
    assert without_ports(demo.stdout).startswith(without_ports(shown))
    with Cassette.open(cassette) as recorded:
        assert len(recorded) == 6
        assert not recorded.warnings
    text = cassette.read_text()
    assert demo_module.CREDENTIALS not in text
    assert text.count("Authorization: Bearer REDACTED-1\n") == 6
    words = shlex.split(demo.stdout.partition("Play it:")[2])
    with subprocess.Popen([*words, "--listen", "0"], stdout=subprocess.PIPE, text=True) as player:
        assert player.stdout is not None
        assert player.stdout.readline().startswith("mesotape: replaying ")
        player.terminate()
        assert player.wait(START_SECONDS) == 0


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_last_command_is_written_as_it_works_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    script = tmp_path / "mesotape"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) if is_installed else "")
    monkeypatch.setattr(sys, "argv", [str(script), "demo"])
    assert demo_module._own_words() == (["mesotape"] if is_installed else [str(script)])
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    assert demo_module._own_words()[-1] == "mesotape"


def without_ports(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
