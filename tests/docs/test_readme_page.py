"""The first page of README.md: its picture, its calls, and how to install."""

import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from support.commands import running
from support.paths import ROOT

README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))
PICTURES = ROOT / "docs" / "pictures"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def text_of(picture: Path) -> str:
    """Return the text without spaces, as another version of rich cuts it into other pieces."""
    pieces = re.findall(r"<text[^>]*>(.*?)</text>", picture.read_text(), re.DOTALL)
    return re.sub(r"\s|&#160;", "", "".join(pieces))


def test_the_picture_shows_what_the_commands_print(tmp_path: Path) -> None:
    drawn = tmp_path / "terminal.svg"
    runpy.run_path(str(PICTURES / "draw.py"))["draw"](drawn)
    assert text_of(drawn) == text_of(PICTURES / "terminal.svg"), "run `make picture`"
    assert "](docs/pictures/terminal.svg)" in README


def test_all_pictures_are_small_and_shown() -> None:
    pages = "".join(page.read_text() for page in PAGES)
    for picture in [*PICTURES.glob("*.svg"), *PICTURES.glob("*.png")]:
        assert picture.stat().st_size < 150_000
        assert f"](pictures/{picture.name})" in pages


def test_the_calls_are_answered_as_the_comments_say() -> None:
    (block,) = re.findall(r"^    \.venv/bin/mesotape (.*)\n((?:    .*\n){4})", README, re.MULTILINE)
    start, calls = block
    words = start.removesuffix(" &").replace("127.0.0.1:5050", "127.0.0.1:0").split()
    with running(*words, cwd=ROOT) as replay:
        script = calls.replace("http://127.0.0.1:5050", replay.url).replace("-m 3", "-m 1")
        done = subprocess.run(
            ["bash", "-c", f"export no_proxy=127.0.0.1\n{script}"], capture_output=True, text=True
        )
    assert done.stdout.startswith('{"type":"GET_AGENTS"')
    assert '{"type":"SUBSCRIBED"' in done.stdout
    assert '"miss": "nothing recorded for this call"' in done.stdout


def test_all_pages_install_it_from_the_repository() -> None:
    pages = {page.name: page.read_text() for page in [*PAGES, ROOT / "README.md"]}
    lines = {
        (name, text.strip("'"))
        for name, page in pages.items()
        for text in re.findall(r"^[^`\n]*pip install (?:--\w+ )*('[^']*'|\S+)", page, re.MULTILINE)
    }
    from_checkout = ("README.md", ".[record]")
    assert from_checkout in lines
    extras = set[str]()
    for _, text in lines - {from_checkout}:
        requirement = Requirement(text)
        assert requirement.url == f"git+{PROJECT['urls']['Source']}"
        extras |= requirement.extras
    assert extras <= set(PROJECT["optional-dependencies"])
