import hashlib
import subprocess
import sys
import types
from pathlib import Path

import pytest
from support.paths import ROOT

from mesotape.proto import compiled
from mesotape.proto.compiled import INTERFACES, CompiledState, compiled_state

DIGESTS = {
    "mesotape.proto.messages": (1, "5c52b249"),
    "mesotape.cassettes.format": (1, "6da29068"),
    "mesotape.cassettes.indexing": (1, "5b56bd56"),
    "mesotape.cassettes.known_secrets": (1, "9e9134e5"),
}
"""The digest of the functions of each module, as its _native.pyi declares them."""

STALE = """
import sys, types
for package in {packages}:
    sys.modules[package + "._native"] = types.ModuleType("_native")
from mesotape.proxy.cli import main
main()
"""


@pytest.mark.parametrize("package", INTERFACES)
def test_an_interface_that_changes_has_another_number(package: str) -> None:
    folder = ROOT / package.removeprefix("mesotape.").replace(".", "/")
    digest = hashlib.sha256((folder / "_native.pyi").read_bytes()).hexdigest()[:8]
    assert (INTERFACES[package], digest) == DIGESTS[package]


@pytest.mark.parametrize("package", INTERFACES)
@pytest.mark.parametrize(
    ("members", "state"),
    [({}, "outdated"), ({"INTERFACE": 0}, "outdated"), ({"INTERFACE": 1}, "in use")],
)
def test_a_module_of_other_sources_is_not_used(
    package: str, members: dict[str, int], state: CompiledState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MESOTAPE_PURE_PYTHON", raising=False)
    monkeypatch.setitem(compiled.INTERFACES, package, 1)
    module = types.ModuleType("_native")
    module.__dict__.update(members)
    monkeypatch.setitem(sys.modules, f"{package}._native", module)
    assert compiled_state(package) == state
    monkeypatch.setitem(sys.modules, f"{package}._native", None)
    assert compiled_state(package) == "missing"


def test_commands_work_with_modules_of_other_sources(tmp_path: Path) -> None:
    cassette = next((ROOT / "cassettes/samples").glob("*.yaml"))
    code = STALE.format(packages=list(INTERFACES))
    command = [sys.executable, "-c", code, "validate", str(cassette)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done
