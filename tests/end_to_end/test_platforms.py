"""The commands where Python lacks what only some platforms have.

The names are removed by a `sitecustomize`, which Python imports first, in every process.
"""

import http.client
import json
import os
import shutil

import pytest
from support.commands import run, running
from support.paths import ROOT

from mesotape.proxy.commands import processes

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"

ONLY_LINUX = {
    "fcntl": ["F_SETPIPE_SZ", "F_GETPIPE_SZ"],
    "os": ["memfd_create", "pidfd_open", "eventfd", "splice", "sched_getaffinity", "posix_fadvise"],
    "select": ["epoll"],
    "signal": ["pidfd_send_signal", "SIGRTMIN", "SIGPWR", "SIGSTKFLT", "SIGPOLL"],
    "socket": ["SO_DOMAIN", "SO_PROTOCOL", "SO_MARK", "TCP_QUICKACK", "TCP_USER_TIMEOUT"],
}

NOT_WINDOWS = {
    "os": ["pread", "pwrite", "fchmod", "O_CLOEXEC", "O_NOCTTY", "tcgetpgrp", "getpgrp", "fork"],
    "signal": ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"],
}
NO_MODULES_ON_WINDOWS = ["fcntl", "termios", "resource", "pwd", "grp"]


@pytest.fixture
def without(tmp_path):
    """Return the environment of a Python that lacks names and modules."""

    def environment(names, modules=()):
        lines = ["import sys"]
        lines += [f"sys.modules[{module!r}] = None" for module in modules]
        for module, missing in names.items():
            lines.append(f"import {module}")
            lines += [f"{module}.__dict__.pop({name!r}, None)" for name in missing]
        (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
        return os.environ | {"PYTHONPATH": str(tmp_path)}

    return environment


def get_agents(address):
    connection = http.client.HTTPConnection(*address, timeout=20)
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", "/api/v1", '{"type":"GET_AGENTS"}', headers)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_commands_work_without_what_only_linux_has(without, tmp_path):
    env, cassette = without(ONLY_LINUX), tmp_path / "recorded.yaml"
    with (
        running("replay", SAMPLE, env=env) as cluster,
        running("record", cluster.url, "-o", cassette, env=env) as recorder,
    ):
        answer = get_agents(recorder.address)
        assert recorder.stop() == 0, recorder.said
    assert json.loads(answer)["type"] == "GET_AGENTS"
    with running("replay", cassette, env=env) as replay:
        assert get_agents(replay.address) == answer
    done = run("replay", cassette, "--", "true", env=env)
    assert "Traceback" not in done.stderr
    for command in ("validate", "inspect"):
        done = run(command, cassette, env=env)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_shim_removes_names(without):
    probe = "import fcntl, select; print(hasattr(fcntl, 'F_SETPIPE_SZ'), hasattr(select, 'epoll'))"
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", probe], env=without(ONLY_LINUX), capture_output=True, check=True
    )
    assert done.stdout == b"False False\n"


COMMANDS = {
    "record": ["http://127.0.0.1:5050", "-o", "new.yaml"],
    "replay": ["a.yaml"],
    "demo": [],
    "inspect": ["a.yaml"],
    "validate": ["a.yaml"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_on_windows_each_command_says_in_one_line_that_it_does_not_work(without, tmp_path, command):
    env = without(NOT_WINDOWS, NO_MODULES_ON_WINDOWS)
    shutil.copy(SAMPLE, tmp_path / "a.yaml")
    done = run(command, *COMMANDS[command], env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mesotape: {command} does not work on this platform: Python has no ")
    assert line.endswith("use Linux or macOS, or WSL on Windows")
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["replay", "--help"], ["--version"]])
def test_help_works_everywhere(without, arguments):
    done = run(*arguments, env=without(NOT_WINDOWS, NO_MODULES_ON_WINDOWS))
    assert (done.returncode, done.stderr) == (0, "")


def test_only_linux_can_end_a_child_with_its_parent(monkeypatch):
    assert processes._end_with_us() is not None
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    assert processes._end_with_us() is None
