"""Runs of pytest with the plugin: fixtures for the tests of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from mesotape.proxy.control.player import Player
from support.cassette_builder import call, said, written
from support.paths import ROOT

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
CLIENT = """
import json, os, subprocess, sys, urllib.error, urllib.request, pytest

def ask(url, call, path="/api/v1"):
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url + path, call.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()

def get(url, kind):
    return ask(url, json.dumps({"type": kind}))

def subscribed(url, call='{"type":"SUBSCRIBE"}', path="/api/v1"):
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url + path, call.encode(), headers)
    return urllib.request.urlopen(request, timeout=60)

def event(answer):
    return json.loads(answer.read(int(answer.readline())))["type"]
"""
HEALTHY = said("GET_HEALTH", get_health={"healthy": True})
HEALTH = call(1, 0.0, said("GET_HEALTH"), HEALTHY)

type Run = Callable[..., pytest.RunResult]

# pytester forgets the modules that a run has imported. The part of yaml that is written in C keeps
# the classes of its first import, so that must not be one of a run.
assert yaml.__with_libyaml__


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for cassettes of test_it.py, with a cassette for the test test_it."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers")
    pytester.makepyfile(client=CLIENT)
    folder = pytester.path / "cassettes" / "test_it"
    folder.mkdir(parents=True)
    written(folder / "test_it.yaml", HEALTH)
    return folder


@pytest.fixture
def tested(pytester: pytest.Pytester, folder: Path) -> Run:
    """Run pytest on the text of a test file."""

    def run(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=f"from client import *\n{text}")
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


@pytest.fixture
def upstream() -> Iterator[str]:
    """A server to record from."""
    with Player(SAMPLE, strict=False) as player:
        yield player.url
