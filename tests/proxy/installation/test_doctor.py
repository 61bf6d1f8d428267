import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.commands import run

from mesotape.proto.compiled import CompiledState
from mesotape.proxy.installation import environment
from mesotape.proxy.installation.environment import check_environment
from mesotape.proxy.installation.packages import check_compiled, check_requirements

FOUND: dict[str, tuple[Mapping[str, str], tuple[str, str], str]] = {
    "no proxy": ({}, ("proxies", "ok"), "go directly"),
    "a proxy": ({"http_proxy": "http://p:1"}, ("proxies", "warning"), "http_proxy: clients"),
    "an https proxy": ({"HTTPS_PROXY": "http://p:1"}, ("proxies", "warning"), "HTTPS_PROXY: "),
    "a proxy for others": (
        {"http_proxy": "http://p:1", "no_proxy": "127.0.0.1"},
        ("proxies", "ok"),
        "go directly",
    ),
    "no bytecode": (
        {"PYTHONDONTWRITEBYTECODE": "1"},
        ("PYTHONDONTWRITEBYTECODE", "warning"),
        "unset it",
    ),
    "no plugins": (
        {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "warning"),
        "-p mesotape.proxy.plugin",
    ),
    "no PATH": ({"PATH": "/nowhere"}, ("PATH", "ok"), f"run {sys.executable} -m mesotape"),
}


@pytest.mark.parametrize(("variables", "key", "text"), FOUND.values(), ids=FOUND)
def test_variables_are_explained(
    variables: Mapping[str, str], key: tuple[str, str], text: str
) -> None:
    found = {(each.subject, each.level): each.text for each in check_environment(variables)}
    assert text in found[key]


def test_another_mesotape_on_the_path_is_named(tmp_path: Path) -> None:
    other = tmp_path / "mesotape"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    results = check_environment({"PATH": str(tmp_path)})
    found = [each for each in results if each.subject == "PATH"]
    assert [(each.level, str(other) in each.text) for each in found] == [("warning", True)]


def test_a_port_of_mesos_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(environment, "_MESOS_PORTS", {port: "master"})
        texts = [each.text for each in check_environment({}) if each.subject == "ports"]
    assert any(f"something listens on 127.0.0.1:{port}, where the master" in one for one in texts)


@pytest.mark.parametrize(
    ("requirement", "subject", "level", "text"),
    [
        ("click>=8.1", "click", "ok", ""),
        ("click>=99", "click", "error", "but >=99 is needed: pip install -U 'mesotape'"),
        ("click<8,>=7", "click", "error", "but <8 is needed"),
        ("no-such-package>=1", "no-such-package", "error", "not installed; pip install"),
        (
            'no-such-package[a]<13,>=12; extra == "record"',
            "no-such-package (record)",
            "ok",
            "not installed; pip install -U 'mesotape[record]' adds it",
        ),
    ],
)
def test_requirements_are_compared(requirement: str, subject: str, level: str, text: str) -> None:
    (found,) = check_requirements([requirement])
    assert (found.subject, found.level) == (subject, level)
    assert text in found.text


def test_doctor_prints_text_and_json() -> None:
    done = run("doctor")
    assert done.returncode == 0
    assert done.stdout.startswith("ok ")
    lines = [json.loads(line) for line in run("doctor", "--json").stdout.splitlines()]
    assert [line["subject"] for line in lines[:3]] == ["mesotape", "Python", "platform"]
    assert {"ports", "proxies", "compiled module"} <= {line["subject"] for line in lines}


@pytest.mark.parametrize(
    ("states", "level", "text"),
    [
        (("in use", "in use"), "ok", "in use"),
        (
            ("in use", "outdated"),
            "warning",
            "not used (second), all works slower: built from sources",
        ),
        (("missing", "missing"), "warning", "not used, all works slower: reinstall mesotape where"),
        (("missing", "outdated"), "warning", "headers of Python; built from sources of"),
        (("switched off", "switched off"), "warning", "MESOTAPE_PURE_PYTHON is set, unset it"),
    ],
)
def test_the_state_of_compiled_modules_is_told(
    states: tuple[CompiledState, CompiledState], level: str, text: str
) -> None:
    found = check_compiled(dict(zip(("first", "second"), states, strict=True)))
    assert found.level == level
    assert text in found.text
