"""The packages that mesotape needs, those of its extras, and its compiled modules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version

from ...proto.compiled import INTERFACES, CompiledState, compiled_state
from .check_result import CheckResult

_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[^]]*\])?(?P<bounds>[^;]*)(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?"
)
_BOUND = re.compile(r"(>=|<)\s*([0-9][0-9.]*)")

_WHY_UNUSED: dict[CompiledState, str] = {
    "missing": "reinstall mesotape where there is a C compiler and the headers of Python",
    "outdated": "built from sources of another version, reinstall mesotape to build it anew",
    "switched off": "MESOTAPE_PURE_PYTHON is set, unset it",
}


def check_packages() -> Iterator[CheckResult]:
    """Yield the versions of the packages, and whether the compiled modules are used."""
    try:
        lines = requires("mesotape") or []
    except PackageNotFoundError:
        text = "its metadata is missing: install it with pip install -e . in its folder"
        yield CheckResult("packages", "warning", text)
        lines = []
    yield from check_requirements(lines)
    yield check_compiled({name: compiled_state(name) for name in INTERFACES})


def check_requirements(lines: Iterable[str]) -> Iterator[CheckResult]:
    """Yield the installed version for each requirement, as in the metadata of a package."""
    for line in lines:
        match = _REQUIREMENT.match(line)
        assert match is not None, line
        yield _requirement(match["name"], match["bounds"], match["extra"])


def _requirement(name: str, bounds: str, extra: str | None) -> CheckResult:
    subject = name if extra is None else f"{name} ({extra})"
    package = "mesotape" if extra is None else f"mesotape[{extra}]"
    way_out = f"pip install -U '{package}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        level = "error" if extra is None else "ok"
        return CheckResult(subject, level, f"not installed; {way_out} adds it")
    for sign, bound in _BOUND.findall(bounds):
        if (_numbers(found) >= _numbers(bound)) != (sign == ">="):
            return CheckResult(subject, "error", f"{found}, but {sign}{bound} is needed: {way_out}")
    return CheckResult(subject, "ok", found)


def _numbers(text: str) -> list[int]:
    """Return the numbers of a version before any letters: `12.2.1`, `13.0.0.dev`."""
    release = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return [int(part) for part in release[0].split(".")] if release else []


def check_compiled(states: Mapping[str, CompiledState]) -> CheckResult:
    """Return whether the compiled modules are used, and the way to have them."""
    subject = "compiled module"
    unused = {state for state in states.values() if state != "in use"}
    if not unused:
        return CheckResult(subject, "ok", "in use")
    texts = [text for state, text in _WHY_UNUSED.items() if state in unused]
    missing = [name for name, state in states.items() if state != "in use"]
    where = "" if len(missing) == len(states) else f" ({', '.join(missing)})"
    return CheckResult(subject, "warning", f"not used{where}, all works slower: {'; '.join(texts)}")
