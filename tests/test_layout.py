"""The rules of the layout: four floors, imports point down, one package name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

FLOORS = ("proto", "cassettes", "addons", "proxy")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
MAY_IMPORT_MITMPROXY = {"proxy/commands/mitm.py"}


def imported(path: Path) -> set[str]:
    """Names of what a file imports: `cassettes` for our floor, `mitmproxy` for a distribution."""
    folder = path.relative_to(ROOT).parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                found |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(level=0):
                assert node.module is not None
                found.add(node.module.split(".")[0])
            case ast.ImportFrom(level=level):
                if level > len(folder) + 1:
                    pytest.fail(f"{path}:{node.lineno}: climbs out of the package")
                base = folder[: len(folder) - level + 1]
                found |= {[*base, *(node.module or name.name).split(".")][0] for name in node.names}
            case _:
                pass
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    floor = path.relative_to(ROOT).parts[0]
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    assert not imported(path) & above


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_addons_and_one_module_import_mitmproxy(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if "mitmproxy" in imported(path):
        assert name.startswith("addons/") or name in MAY_IMPORT_MITMPROXY


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_script_says_mesotape(path: Path) -> None:
    if "mesotape" in imported(path):
        assert str(path.relative_to(ROOT)) == "addons/script.py"


def test_nothing_but_the_package_stands_at_the_root() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]
    assert (ROOT / "py.typed").exists()


def test_the_root_imports_nothing() -> None:
    assert imported(ROOT / "__init__.py") == set()


def test_no_addon_bears_the_name_of_a_standard_module() -> None:
    """Mitmproxy puts the folder of a script first on sys.path."""
    names = {path.stem for path in (ROOT / "addons").glob("*.py")}
    assert not names & sys.stdlib_module_names


def test_all_four_floors_are_tracked_as_packages() -> None:
    for floor in FLOORS:
        assert (ROOT / floor / "__init__.py").exists()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mesotape.proxy.cli import commands;"
        " commands.main(['--help'], standalone_mode=False);"
        " sys.exit(str({'mitmproxy', 'google.protobuf', 'yaml', 'rich.table'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stderr.strip() == "set()"
