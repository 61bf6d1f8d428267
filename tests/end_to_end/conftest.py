"""One browser for all tests, because it takes a second to start."""

from collections.abc import Iterator

import pytest
from support.chromium import Browser, Page, browser


@pytest.fixture(scope="session")
def session_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(session_browser: Browser) -> Iterator[Page]:
    """An empty page in Chromium, 1400 pixels wide."""
    opened = session_browser.new_page()
    yield opened
    opened.close()
