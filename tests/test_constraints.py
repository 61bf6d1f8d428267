"""constraints.txt pins everything that pyproject.toml names, and everything that those need."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def named() -> Iterator[Requirement]:
    """Yield what users, developers and the build need, as pyproject.toml says it."""
    groups = [
        PROJECT["build-system"]["requires"],
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    for group in groups:
        yield from (Requirement(one) for one in group if isinstance(one, str))


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.lstrip().startswith("#")]
    applying = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    assert all([one.operator for one in pin.specifier] == ["=="] for pin in applying)
    return {canonicalize_name(pin.name): str(pin.specifier).lstrip("=") for pin in applying}


PINNED = pinned()


def needed(requirement: Requirement) -> Iterator[Requirement]:
    """Yield what an installed package needs here; nothing if it is not the pinned version."""
    name = canonicalize_name(requirement.name)
    try:
        if version(name) != PINNED.get(name):
            return
    except PackageNotFoundError:
        return
    for one in map(Requirement, requires(name) or ()):
        extras = requirement.extras or {""}
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
            yield one


@pytest.mark.parametrize("requirement", list(named()), ids=str)
def test_what_is_named_is_pinned_to_a_version_that_it_allows(requirement: Requirement) -> None:
    pin = PINNED.get(canonicalize_name(requirement.name))
    assert pin is not None, "run `make constraints`"
    assert requirement.specifier.contains(pin), "run `make constraints`"


def test_what_the_named_packages_need_is_pinned() -> None:
    waiting, seen = list(named()), set[str]()
    while waiting:
        requirement = waiting.pop()
        assert canonicalize_name(requirement.name) in PINNED, "run `make constraints`"
        if str(requirement) not in seen:
            seen.add(str(requirement))
            waiting += needed(requirement)
    assert "mitmproxy" in " ".join(seen)


def test_every_requirement_of_users_and_tests_has_a_lower_bound_to_test() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "lower_bounds.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bounds = [Requirement(line) for line in done.stdout.splitlines()]
    assert {"click", "mitmproxy", "pytest"} <= {bound.name for bound in bounds}
    assert all(str(bound.specifier).startswith("==") for bound in bounds)
