"""The sdist: everything kept. The wheel: one name, all data, a replay without mitmproxy."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from support.paths import ROOT

FOLDERS = ("proto", "cassettes", "addons", "proxy")
HEADER = Path(sysconfig.get_paths()["include"]) / "Python.h"
NOT_SOURCE = (
    ".git",
    ".venv*",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    "*.so",
    ".*_cache",
    ".hypothesis",
)
NATIVE = tuple(
    f"mesotape/{folder}/_native."
    for folder in (
        *("proto/messages", "cassettes/format", "cassettes/indexing"),
        "cassettes/known_secrets",
    )
)
BUILD_SDIST = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
BUILD_WHEEL = BUILD_SDIST.replace("sdist", "wheel")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source") / "mesotape", tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    run("-c", BUILD_SDIST, out, cwd=source)
    (found,) = out.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as it is released: from the sdist."""
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir")
    run("-m", "pip", "wheel", *options, out, sdist)
    (found,) = out.glob("*.whl")
    return found


def test_the_sdist_has_all_that_is_kept_but_the_settings_of_the_host(sdist: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("this is no clone")
    kept = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    missing = {name for name in kept - packed if not name.startswith(".git")}
    assert missing == set()


def test_the_wheel_has_the_license_and_the_notice(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = message_from_bytes(archive.read(f"{folder}/METADATA"))
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata.get_all("License-File") == ["LICENSE", "NOTICE"]
        for name in ("LICENSE", "NOTICE"):
            assert archive.read(f"{folder}/licenses/{name}") == (ROOT / name).read_bytes()


def test_the_wheel_installs_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mesotape"}


def test_the_wheel_has_every_file_of_the_four_floors(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    kinds = ("*.py", "*.pyi", "*.proto", "*.binpb", "*.yaml", "*.json")
    for folder in FOLDERS:
        for kind in kinds:
            for path in (ROOT / folder).rglob(kind):
                assert f"mesotape/{path.relative_to(ROOT)}" in packed
    assert {"mesotape/py.typed", "mesotape/__main__.py"} <= packed


def test_the_wheel_has_the_compiled_module_where_a_compiler_is(wheel: Path) -> None:
    if shutil.which("cc") is None or not HEADER.exists():
        pytest.skip("there is no C compiler, or no header of Python")
    with zipfile.ZipFile(wheel) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".so")]
    assert [name.startswith(NATIVE) for name in compiled] == [True] * len(NATIVE)


def test_without_a_compiler_the_wheel_has_no_compiled_module(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    command = [sys.executable, "-c", BUILD_WHEEL, str(tmp_path)]
    environment = {**os.environ, "CC": "no-such-compiler"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=source, env=environment
    )
    assert done.returncode == 0, done.stderr
    for name in NATIVE:
        module = name.removesuffix(".").replace("/", ".")
        assert f'building extension "{module}" failed' in done.stderr
    (found,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(found) as archive:
        packed = [name for name in archive.namelist() if name.startswith(NATIVE)]
    assert sorted(packed) == sorted(f"{name}pyi" for name in NATIVE)
    environment = {**os.environ, "PYTHONPATH": str(found)}
    code = "import mesotape.proto.messages.fast_conversion as f; print(f.native, f.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith(f"None {found}")


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
        "import mesotape.cassettes.validation.judge, mesotape.proxy.commands.demo\n"
        "import mesotape.proxy.commands.record\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
