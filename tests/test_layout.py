"""The rules of the layout: folders, imports that point down, no circle, one package name."""

import ast
import functools
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest
from support.paths import ROOT

FLOORS = ("proto", "cassettes", "addons", "proxy")
MOST_MODULES = 14
MOST_LINES = 300

PROTO = ("proto", "proto/http", "proto/messages", "proto/api")
READING = (
    *PROTO,
    "cassettes/files",
    "cassettes/format",
    "cassettes/indexing",
    "cassettes/storage",
    "cassettes/known_secrets",
    "cassettes/redaction",
)
SCANNING = "cassettes/scanning"
EXAMINING = ("cassettes/validation", "cassettes/inspection")
ANSWERING = (*READING, "cassettes/answers", "cassettes/matching")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "proto": (),
    "proto/http": ("proto",),
    "proto/messages": ("proto", "proto/http"),
    "proto/api": ("proto", "proto/http", "proto/messages"),
    "proto/diagnosis": PROTO,
    "cassettes": (),
    "cassettes/files": (),
    "cassettes/format": PROTO,
    "cassettes/indexing": (*PROTO, "cassettes/format"),
    "cassettes/storage": (*PROTO, "cassettes/files", "cassettes/format", "cassettes/indexing"),
    "cassettes/known_secrets": ("proto",),
    "cassettes/redaction": (*PROTO, "cassettes/format", "cassettes/known_secrets"),
    SCANNING: READING,
    "cassettes/recording": (*READING, SCANNING),
    "cassettes/validation": (*READING, "proto/diagnosis"),
    "cassettes/inspection": (*READING, "proto/diagnosis", "cassettes/validation"),
    "cassettes/tables": (*READING, *EXAMINING),
    "cassettes/reporting": (*READING, *EXAMINING, "cassettes/tables"),
    "cassettes/answers": READING,
    "cassettes/matching": (*READING, "cassettes/answers"),
    "cassettes/interchange": (*ANSWERING, "cassettes/recording"),
    "cassettes/packets": (*PROTO, "cassettes/format"),
    "cassettes/importing": (
        *READING,
        "cassettes/packets",
        SCANNING,
        "proto/diagnosis",
        "cassettes/recording",
        "cassettes/inspection",
        "cassettes/interchange",
    ),
    "cassettes/rebinding": ANSWERING,
    "cassettes/comparing": ANSWERING,
    "cassettes/causality": ANSWERING,
    "cassettes/cutting": (*ANSWERING, "cassettes/causality"),
    "cassettes/renaming": READING,
    "cassettes/merging": (*ANSWERING, "cassettes/cutting"),
    "cassettes/faults": (*ANSWERING, "cassettes/causality"),
    "cassettes/exchanges": (*ANSWERING, "cassettes/causality"),
    "cassettes/playback": (
        *ANSWERING,
        "cassettes/exchanges",
        "cassettes/rebinding",
        "cassettes/causality",
        "cassettes/faults",
    ),
    "addons/http1": (),
    "addons/traffic": (*READING, "cassettes/recording", "addons/http1"),
    "addons/writing": (*READING, SCANNING, "cassettes/recording", "addons/traffic"),
    "addons/flow_files": (
        *READING,
        "cassettes/recording",
        "cassettes/interchange",
        "cassettes/importing",
    ),
    "addons/views": (*PROTO, "proto/diagnosis", "cassettes/recording", "addons/traffic"),
    "addons": (
        *READING,
        SCANNING,
        "proto/diagnosis",
        "cassettes/recording",
        "cassettes/interchange",
        "cassettes/importing",
        "addons/flow_files",
        "addons/http1",
        "addons/traffic",
        "addons/writing",
        "addons/views",
    ),
    "proxy/http": ("proto", "proto/http", "cassettes/answers"),
    "proxy/streams": (*ANSWERING, "proxy/http"),
    "proxy/server": (*ANSWERING, "cassettes/playback", "proxy/http", "proxy/streams"),
    "proxy/control": (
        *ANSWERING,
        "cassettes/validation",
        "cassettes/playback",
        "proxy/http",
        "proxy/streams",
        "proxy/server",
    ),
    "proxy/workers": (
        *ANSWERING,
        "cassettes/playback",
        "proxy/http",
        "proxy/streams",
        "proxy/server",
    ),
    "proxy/recorder": ("proto", "proto/http", "proto/api", "cassettes/files"),
    "proxy/testing": (
        *ANSWERING,
        SCANNING,
        "cassettes/causality",
        "cassettes/playback",
        "proxy/http",
        "proxy/streams",
        "proxy/server",
        "proxy/control",
        "proxy/recorder",
    ),
    "proxy/ci": (*READING, "proxy/control"),
    "proxy/terminal": (
        "proto",
        "cassettes/matching",
        "cassettes/recording",
        "cassettes/playback",
        "proxy/streams",
        "proxy/server",
    ),
    "proxy/commands": (
        *ANSWERING,
        SCANNING,
        "cassettes/validation",
        "cassettes/recording",
        "cassettes/causality",
        "cassettes/faults",
        "cassettes/playback",
        "addons/traffic",
        "addons/writing",
        "addons",
        "proxy/http",
        "proxy/streams",
        "proxy/server",
        "proxy/control",
        "proxy/recorder",
        "proxy/workers",
        "proxy/terminal",
        "proxy/ci",
    ),
    "proxy/inspect": (
        *ANSWERING,
        "proto/diagnosis",
        "cassettes/validation",
        "cassettes/inspection",
        "addons/flow_files",
        "proxy/commands",
        "proxy/terminal",
    ),
    "proxy/cassette_tools": (
        *ANSWERING,
        SCANNING,
        "cassettes/validation",
        "cassettes/cutting",
        "cassettes/merging",
        "cassettes/renaming",
        "cassettes/recording",
        "cassettes/inspection",
        "cassettes/interchange",
        "cassettes/importing",
        "addons/flow_files",
        "cassettes/tables",
        "cassettes/reporting",
        "proxy/control",
        "proxy/commands",
        "proxy/terminal",
    ),
    "proxy/diff": (
        *ANSWERING,
        "cassettes/comparing",
        "proxy/commands",
        "proxy/inspect",
        "proxy/cassette_tools",
        "proxy/terminal",
        "proxy/ci",
    ),
    "proxy/installation": (
        "proto",
        "proto/http",
        "proxy/http",
        "proxy/commands",
    ),
    "proxy/arguments": (
        "proto/http",
        "proto/api",
        "cassettes/files",
        "cassettes/storage",
        "cassettes/redaction",
        SCANNING,
        "cassettes/matching",
        "cassettes/faults",
        "cassettes/cutting",
        "proxy/commands",
    ),
    "proxy/command_line": (
        "proxy/commands",
        "proxy/inspect",
        "proxy/cassette_tools",
        "proxy/diff",
        "proxy/installation",
        "proxy/arguments",
    ),
    "proxy": (
        "proto",
        "cassettes/files",
        "cassettes/redaction",
        "proxy/control",
        "proxy/recorder",
        "proxy/testing",
        "proxy/commands",
        "proxy/installation",
        "proxy/arguments",
        "proxy/command_line",
    ),
}
"""What the files of each folder may import, besides each other: type-only imports included.

The folders stand in order: none imports one that stands below it.
"""

MAY_REPEAT: dict[str, list[str]] = {}
"""Type names that stand for two things, each with the reason."""

MAY_IMPORT_MITMPROXY = {"proxy/commands/mitm.py"}
"""Besides the addons."""

SOURCES = {
    str(path.relative_to(ROOT)): path
    for floor in FLOORS
    for path in sorted((ROOT / floor).rglob("*.py"))
}


@functools.cache
def parsed(name: str) -> ast.Module:
    return ast.parse(SOURCES[name].read_text())


@functools.cache
def imports(name: str) -> frozenset[tuple[str, ...]]:
    """Return what a file imports: `("proto", "http", "redirects")`, `("mitmproxy",)`."""
    return frozenset(_imports(name))


def _imports(name: str) -> Iterator[tuple[str, ...]]:
    folder = Path(name).parts[:-1]
    for node in ast.walk(parsed(name)):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield tuple(alias.name.split("."))
            case ast.ImportFrom(level=0):
                assert node.module is not None
                yield tuple(node.module.split("."))
            case ast.ImportFrom(level=level):
                assert level <= len(folder) + 1, f"{name}:{node.lineno}: climbs out of the package"
                base = folder[: len(folder) - level + 1]
                module = (*base, *(node.module.split(".") if node.module else ()))
                for alias in node.names:
                    yield (*module, alias.name) if is_module((*module, alias.name)) else module
            case _:
                pass


def is_module(parts: tuple[str, ...]) -> bool:
    return f"{'/'.join(parts)}.py" in SOURCES


def own_modules(name: str) -> set[str]:
    """Files of the package that a file imports."""
    files = {"/".join(parts) for parts in imports(name)}
    return {f"{each}.py" for each in files} & set(SOURCES)


def folder_of(name: str) -> str:
    return str(Path(name).parent)


def test_a_file_imports_only_folders_that_its_folder_may() -> None:
    wrong = {
        (name, folder)
        for name in SOURCES
        for folder in {folder_of(each) for each in own_modules(name)} - {folder_of(name)}
        if folder not in MAY_IMPORT[folder_of(name)]
    }
    assert wrong == set()


def test_the_order_of_folders_has_no_way_back() -> None:
    order = list(MAY_IMPORT)
    for folder, below in MAY_IMPORT.items():
        assert all(order.index(each) < order.index(folder) for each in below), folder


def test_every_folder_is_in_the_table() -> None:
    assert {folder_of(name) for name in SOURCES} == set(MAY_IMPORT)


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {name: own_modules(name) for name in SOURCES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_folder_is_crowded() -> None:
    modules = defaultdict[str, int](int)
    for name in SOURCES:
        modules[folder_of(name)] += not name.endswith("__init__.py")
    assert {folder: count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_no_file_is_long() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_every_folder_says_what_lives_there() -> None:
    for folder in MAY_IMPORT:
        if folder not in FLOORS:
            docstring = ast.get_docstring(parsed(f"{folder}/__init__.py"))
            assert docstring is not None, folder
            assert 3 <= len(docstring.splitlines()) <= 7, folder
            assert "Start with" in docstring, folder


def test_the_package_list_is_that_of_the_tree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = ["mesotape", *(f"mesotape.{folder.replace('/', '.')}" for folder in MAY_IMPORT)]
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted(packages)


def test_no_type_name_stands_for_two_things() -> None:
    files = defaultdict[str, list[str]](list)
    for name in SOURCES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(name)
            elif isinstance(node, ast.TypeAlias):
                files[node.name.id].append(name)
    repeated = {name: found for name, found in files.items() if len(found) > 1}
    assert repeated == MAY_REPEAT


def importers(package: str) -> set[str]:
    return {name for name in SOURCES if (package,) in {parts[:1] for parts in imports(name)}}


def test_only_the_addons_and_one_module_import_mitmproxy() -> None:
    others = {name for name in importers("mitmproxy") if not name.startswith("addons/")}
    assert others <= MAY_IMPORT_MITMPROXY


def test_only_the_script_says_mesotape() -> None:
    assert importers("mesotape") == {"addons/script.py"}


def test_nothing_but_the_package_stands_at_the_root() -> None:
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]
    assert (ROOT / "py.typed").exists()


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mesotape", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"mesotape, version {version('mesotape')}\n"


def test_no_addon_bears_the_name_of_a_standard_module() -> None:
    """Mitmproxy puts the folder of a script first on sys.path."""
    names = {path.stem for path in (ROOT / "addons").glob("*.py")}
    assert not names & sys.stdlib_module_names
