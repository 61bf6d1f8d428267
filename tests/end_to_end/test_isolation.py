"""Our processes run no Python files of the current folder."""

import os
from pathlib import Path

import pytest
from support.commands import run, running
from support.paths import ROOT
from support.sockets import Upstream, answer, connect, post

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
NAMES = ["msgspec", "click", "mitmproxy", "mesotape", "yaml", "asyncio", "h11", "site_customize"]


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Return a folder with modules that leave a trace when they are imported."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(
            f"open({str(tmp_path / 'trace')!r}, 'a').write({name!r}); raise SystemExit(99)"
        )
    return folder


def trace(trap: Path) -> str:
    file = trap.parent / "trace"
    return file.read_text() if file.exists() else ""


def safely() -> dict[str, str]:
    """Return an environment in which the command itself is safe, as the installed one is."""
    return os.environ | {"PYTHONSAFEPATH": "1"}


def unsafe_children(trap: Path) -> dict[str, str]:
    """Return `safely`, but what is started by the command does not inherit it."""
    hook = trap.parent / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text("import os; os.environ.pop('PYTHONSAFEPATH', None)")
    return safely() | {"PYTHONPATH": str(hook)}


def test_record_starts_a_writer_that_runs_no_file_of_the_current_folder(trap: Path) -> None:
    with Upstream() as upstream:
        how = {"cwd": trap, "env": unsafe_children(trap)}
        with running("record", upstream.url, "-o", trap.parent / "a.yaml", **how) as recorder:
            with connect(recorder.address) as client:
                client.send(post(b"{}"))
                with upstream.accept() as server:
                    server.message()
                    server.send(answer(b"{}"))
                    client.message()
            assert recorder.stop() == 0, recorder.said
    assert trace(trap) == ""


def test_the_demo_runs_no_file_of_the_current_folder(trap: Path) -> None:
    demo = run("demo", "-o", trap.parent / "b.yaml", cwd=trap, env=unsafe_children(trap))
    assert demo.returncode == 0, demo.stderr
    assert trace(trap) == ""


def test_each_process_of_ours_is_started_without_the_current_folder() -> None:
    for floor in ("addons", "proxy", "cassettes", "proto"):
        for path in (ROOT / floor).rglob("*.py"):
            words = "".join(path.read_text().split())
            assert words.count("sys.executable,") == words.count('sys.executable,"-P",'), path
