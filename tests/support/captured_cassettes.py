"""The captures in the repository as cassettes, made once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from support.capture_cassettes import server_of
from support.capture_to_cassette import taped
from support.captures import load


@pytest.fixture(scope="session")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("captured")

    @cache
    def tape(name: str) -> Path:
        return taped(load(name), folder / f"{name}.yaml", server_of(name))

    return tape
