import re
import shlex
from pathlib import Path

from support.commands import run, running
from support.paths import ROOT

from mesotape.cassettes.storage.reader import Cassette

README = ROOT / "README.md"


def test_the_demo_does_what_the_readme_shows(tmp_path: Path) -> None:
    cassette = tmp_path / "my demo.yaml"
    demo = run("demo", "-o", cassette)
    assert demo.returncode == 0, demo.stderr
    shown = README.read_text().split("<!-- demo -->\n```\n")[1].split("```")[0]
    assert without_ports(demo.stdout).startswith(without_ports(shown))
    with Cassette.open(cassette) as recorded:
        assert len(recorded) == 6
        assert not recorded.warnings
    words = shlex.split(demo.stdout.partition("Play it:")[2])
    with running(*words[1:]) as player:
        assert player.url


def without_ports(text: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
