"""docs/faults.md agrees with the code."""

import re
import shlex
import subprocess

from support.commands import running
from support.paths import ROOT

from mesotape.cassettes.faults.fault_spec import parse_fault
from mesotape.cassettes.faults.kinds import FAULT_KINDS

PAGE = (ROOT / "docs" / "faults.md").read_text()
REPLAY = (ROOT / "docs" / "replay.md").read_text()


def test_the_kinds_are_those_that_the_command_lists():
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    told = [(usage.replace("\\|", "|"), *rest) for usage, *rest in rows]
    assert told == [
        (kind.usage, kind.client_effect, kind.resembles) for kind in FAULT_KINDS.values()
    ]


def test_the_examples_are_valid_faults():
    examples = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert len(examples) == 6
    for text in examples:
        assert str(parse_fault(text)) == text


def test_the_session_shows_the_real_output(tmp_path):
    (cassette,) = re.findall(r"^```yaml\n(.*?)^```$", REPLAY, re.DOTALL | re.MULTILINE)
    (tmp_path / "cassette.yaml").write_text(cassette)
    shown = re.findall(r"^    (.*)$", PAGE, re.MULTILINE)
    begins = [number for number, line in enumerate(shown) if line.startswith("$ ")]
    steps = [shown[a:b] for a, b in zip(begins, [*begins[1:], len(shown)], strict=True)]
    (start, ready), *asked, (_, *said) = steps
    words = shlex.split(start.removeprefix("$ mesotape").removesuffix("&"))
    words[words.index("--listen") + 1] = "127.0.0.1:0"
    with running(*words, cwd=tmp_path) as player:
        for command, *answer in asked:
            curl = shlex.split(command.removeprefix("$ ").replace(":5050", f":{player.address[1]}"))
            done = subprocess.run(curl, capture_output=True, text=True, check=True)
            assert done.stdout.splitlines() == answer
        assert player.stop() == 0
    assert player.out.splitlines()[0] == ready.replace("5050", str(player.address[1]))
    assert player.said.splitlines() == said
