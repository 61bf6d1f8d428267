"""The files, folders and make targets that CONTRIBUTING.md names exist."""

import re

from support.paths import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FLOORS = ("proxy", "addons", "cassettes", "proto")


def test_the_files_that_it_names_exist() -> None:
    names = set(re.findall(r"`((?:\.ci|addons|cassettes|docs|proto|proxy|tests)/[^` ]*)`", PAGE))
    assert len(names) > 15
    assert {name for name in names if not (ROOT / name).exists()} == set()


def test_the_picture_shows_all_folders() -> None:
    picture = PAGE.partition("## Layout")[2].partition("Each folder's")[0]
    lines = [line for line in picture.splitlines() if line.startswith("    ")]
    floor, shown = "", set[str]()
    for line in lines:
        for indent, name in re.findall(r"( +)(\w+)/(?= )", line):
            if indent == "    ":
                floor = name
            shown.add(name if indent == "    " else f"{floor}/{name}")
    packages = {
        str(path.parent.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("__init__.py")
    }
    assert shown == packages


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    rules = re.findall(r"^([a-z-]+(?: [a-z-]+)*):", makefile, re.MULTILINE)
    known = {name for names in rules for name in names.split()}
    named = set(re.findall(r"`make ([a-z-]+)", PAGE))
    assert len(named) > 8
    assert named <= known
