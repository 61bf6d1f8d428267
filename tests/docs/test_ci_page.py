"""docs/ci.md, the image and the example with containers, as far as they run without these."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.commands import run, running
from support.paths import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text()
RECIPES = [
    yaml.safe_load(text)
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]
EXAMPLE = ROOT / "examples" / "ci"
SERVICES = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"]
IMAGE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
ASK = """
import os, urllib.error, urllib.request
body = b'{"type": "GET_STATE"}'
headers = {"Content-Type": "application/json"}
try:
    url = os.environ["MESOTAPE_URL"] + "/api/v1"
    urllib.request.urlopen(urllib.request.Request(url, body, headers))
except urllib.error.HTTPError as error:
    error.close()
"""


def instruction(name: str) -> str:
    """Return the last instruction of the image with this name."""
    return re.findall(rf"^ *{name} (.*)$", IMAGE, re.MULTILINE)[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = (ROOT / "docs" / "replay.md").read_text()
    (cassette,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "cassette.yaml").write_text(cassette.partition("---\nexchange: 2")[0])
    return tmp_path


def recipe_commands() -> list[str]:
    github, gitlab = RECIPES
    steps = [each["run"] for each in github["jobs"]["integration"]["steps"] if "run" in each]
    return [each for each in (*steps, *gitlab["integration"]["script"]) if "replay" in each]


@pytest.mark.parametrize("command", recipe_commands(), ids=["GitHub", "GitLab"])
def test_the_log_of_a_recipe_explains_a_miss(command: str, folder: Path) -> None:
    summary = folder / "summary.md"
    words = [summary if word.startswith("$") else word for word in shlex.split(command)]
    words = words[1 : words.index("--") + 1]
    done = run(*words, sys.executable, "-c", ASK, cwd=folder)
    assert done.returncode == 3
    shown = PAGE.split("## A failing run\n")[1].split("```\n")[1]
    log = re.sub(r"(127\.0\.0\.1:)\d+", r"\g<1>41485", done.stderr)
    log = re.sub(r"(::no recorded answer: ).*", r"\1…", log)
    expected = [line for line in shown.splitlines() if "--github" in words or line[:2] != "::"]
    assert log.splitlines() == expected
    assert summary.exists() == (summary in words)
    assert (folder / "replay.xml").exists() == ("--junit" in words)


@pytest.mark.parametrize("name", ["node-client", "java-client"])
def test_the_clients_of_the_example_read_the_replay(name: str) -> None:
    program, script = SERVICES[name]["command"]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    words = [str(word) for word in SERVICES["mesos-master"]["command"]]
    (mount,) = SERVICES["mesos-master"]["volumes"]
    words[1] = str(EXAMPLE / mount.partition(":")[0] / words[1])
    words[words.index("--listen") + 1] = "127.0.0.1:0"
    with running(*words) as master:
        variables = SERVICES[name]["environment"]
        assert variables == {"MESOS_URL": "http://mesos-master:5050"}
        done = subprocess.run(
            [program, EXAMPLE / Path(script).name],
            env=os.environ | {"MESOS_URL": master.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1].endswith("SUBSCRIBED")
        assert master.stop() == 0, master.said


def test_the_image_replays_for_a_user_and_is_healthy(folder: Path) -> None:
    assert instruction("USER") not in ("root", "0", "0:0")
    base = IMAGE.partition("ARG ")[2].partition("\n")[0]
    assert re.fullmatch(r"PYTHON=python:[\d.]+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert json.loads(instruction("ENTRYPOINT")) == ["mesotape"]
    words = json.loads(instruction("CMD"))
    assert words[-1] == f"0.0.0.0:{instruction('EXPOSE')}"
    with running(*words[:-1], "127.0.0.1:0", cwd=folder) as replay:
        _, options, code = json.loads(
            re.findall(r"^HEALTHCHECK .* CMD (.*)$", IMAGE, re.MULTILINE)[0]
        )
        assert f", {instruction('EXPOSE')}, " in code
        code = code.replace(instruction("EXPOSE"), str(replay.address[1]))
        subprocess.run([sys.executable, options, code], check=True, timeout=60)
    assert replay.code == 0
    assert "0 served, 0 missed" in replay.said


def test_the_image_gets_all_that_the_package_is_built_of() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    built = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "NOTICE", "__init__.py")
    kept = [*built, "proto", "cassettes", "addons", "proxy"]
    assert all((ROOT / name).exists() for name in kept)
    assert not set(kept) & set(ignored)
