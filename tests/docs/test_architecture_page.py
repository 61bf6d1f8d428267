"""docs/architecture.md names folders and files that exist."""

import re

import pytest
from support.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
QUESTIONS = re.findall(r"^\| (.+\?) \| `(.+)/` \| `(.+)` \|$", PAGE, re.MULTILINE)
TRIPS = {
    title: re.findall(r"^\d+\. `(\S+)`", text, re.MULTILINE)
    for title, text in re.findall(r"^## (A .+)\n((?:.*\n)*?)(?=^## )", PAGE, re.MULTILINE)
}


def test_there_are_ten_questions():
    assert len(QUESTIONS) == 10


@pytest.mark.parametrize(("question", "folder", "file"), QUESTIONS)
def test_the_answer_is_a_file_of_the_folder(question, folder, file):
    assert file.startswith(f"{folder}/")
    assert (ROOT / file).is_file(), question


def test_there_are_three_trips():
    assert list(TRIPS) == [
        "A recorded chunk becomes YAML",
        "A request gets its answer",
        "A raw stream is inspected",
    ]


@pytest.mark.parametrize("trip", TRIPS)
def test_a_trip_visits_each_file_once(trip):
    files = TRIPS[trip]
    assert len(files) == len(set(files)) > 10
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_folder_is_on_the_page():
    folders = {
        path.parent.name
        for floor in ("proto", "cassettes", "addons", "proxy")
        for path in (ROOT / floor).glob("*/__init__.py")
    }
    listed = set(re.findall(r"^  (\w+) ", PAGE, re.MULTILINE))
    assert listed == folders
