"""New cassettes are named by server and time, each start another one."""

import re
from pathlib import Path

import pytest

from mesotape.proxy.arguments.recording_path import recording_path


@pytest.mark.parametrize(
    ("recorded", "server"),
    [
        ("http://agent-7.example:5051", "agent-7.example-5051"),
        ("https://master/", "master"),
        ("http://[fe80::1%25eth0]:5051", "fe80-1-25eth0-5051"),
        ("http://../..:1", ".."),
        ("regular", "regular"),
        ("socks5@127.0.0.1:1080", "socks5-127.0.0.1-1080"),
    ],
)
@pytest.mark.parametrize("folder", ["recordings/", "s3://bucket/2026-11-30/"])
def test_a_new_name_in_a_folder(folder, recorded, server):
    path = str(recording_path(folder, recorded))
    assert re.fullmatch(
        rf"{re.escape(folder + server)}-20\d{{6}}T\d{{6}}Z-[0-9a-f]{{6}}\.yaml", path
    )


def test_starts_in_one_second_have_other_names():
    assert len({recording_path("recordings/", "http://a:5051") for _ in range(100)}) == 100


def test_a_name_that_is_given_is_taken():
    assert recording_path("recordings/a.yaml", "http://a:5051") == Path("recordings/a.yaml")
