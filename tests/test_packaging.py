"""The wheel: one name, all data, and a replay without mitmproxy."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.paths import ROOT

FOLDERS = ("proto", "cassettes", "addons", "proxy")
FILES = ("pyproject.toml", "README.md", "__init__.py", "py.typed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    built = subprocess.run(
        [*command, "--quiet", "--wheel-dir", str(out), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_installs_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mesotape"}


def test_the_wheel_has_every_file_of_the_four_floors(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    kinds = ("*.py", "*.proto", "*.binpb", "*.yaml", "*.json")
    for folder in FOLDERS:
        for kind in kinds:
            for path in (ROOT / folder).rglob(kind):
                assert f"mesotape/{path.relative_to(ROOT)}" in packed
    assert "mesotape/py.typed" in packed


def test_replaying_needs_nothing_of_mitmproxy(tmp_path: Path) -> None:
    """The requirements without an extra are all that the replaying half imports."""
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('mitmproxy', 'pytest', 'h11'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import mesotape.proxy.commands.replay, mesotape.proxy.server.server, mesotape.proxy.cli\n"
        "import mesotape.cassettes.storage.validation, mesotape.proxy.commands.demo\n"
        "import mesotape.proxy.commands.record\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
