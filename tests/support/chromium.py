"""A real Chromium without a window, driven over a pair of pipes (--remote-debugging-pipe).

    with browser(folder) as opened:
        page = opened.new_page()
        page.open("http://127.0.0.1:8081/")
        page.click("a.nav", "Response")
        page.until_text(".contentview", "HEARTBEAT")
        page.screenshot(folder / "seen.png")

The fixture `page` of tests/end_to_end/ is a page of the one browser of the session.
Messages of the DevTools protocol are JSON, each followed by a zero byte.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 30.0

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)


def chromium() -> str:
    """Return the browser. If it is missing, skip the test, or fail it in CI."""
    found = shutil.which("chromium")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "there is no Chromium: `make chromium` installs it"
        )
    return found


@contextlib.contextmanager
def browser(folder: Path) -> Iterator["Browser"]:
    """Run a browser with a profile of its own in a folder."""
    commands, our_commands = _pipe()
    our_answers, answers = _pipe()

    def place_pipes() -> None:
        os.dup2(commands, 3)
        os.dup2(answers, 4)

    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [
                chromium(),
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                "--remote-debugging-pipe",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,  # Python's own are closed anyway.
            preexec_fn=place_pipes,
        )
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(our_commands, our_answers)
    finally:
        os.close(our_commands)  # It ends with its pipe.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(our_answers)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are far from the numbers that the browser takes."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Browser:
    """A browser. `events` has the messages of its pages that are no answers."""

    def __init__(self, commands: int, answers: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._commands, self._answers = commands, answers
        self._unread = b""
        self._last = 0

    def new_page(self) -> "Page":
        """Open a page beside the others. It has the cookies and the cache of all."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, target)

    def call(self, method: str, *, session: str | None = None, **parameters: Any) -> Any:
        """Call a method of the DevTools protocol."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while (answer := self._read()).get("id") != self._last:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], deadline - time.monotonic())
            assert ready, f"the browser said nothing for {PATIENCE_SECONDS} s"
            data = os.read(self._answers, 1 << 16)
            assert data, "the browser has ended"
            self._unread += data
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


class Page:
    """A page of a browser."""

    def __init__(self, opened_in: Browser, target: str) -> None:
        self._browser, self._target = opened_in, target
        attached = opened_in.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str = attached["sessionId"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the DevTools protocol for this page."""
        return self._browser.call(method, session=self._session, **parameters)

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """Return the messages about this page with these methods, since it was opened."""
        return [
            each
            for each in self._browser.events
            if each.get("sessionId") == self._session and each.get("method") in methods
        ]

    def close(self) -> None:
        """Close it, and forget its messages."""
        self._browser.call("Target.closeTarget", targetId=self._target)
        self._browser.events.clear()

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        asked = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in asked, f"{expression}: {asked['exceptionDetails']}"
        return asked["result"].get("value")

    def until(self, expression: str) -> Any:
        """Evaluate an expression until its value is truthy, and return it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (value := self.ask(expression)):
            text = self.ask("document.body.innerText")
            assert time.monotonic() < deadline, f"no {expression} on a page that says\n{text}"
            time.sleep(0.05)
        return value

    def until_text(self, selector: str, text: str) -> str:
        """Wait for an element that shows a text, and return all of its text."""
        return self.until(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText)"
            f".find(shown => shown.includes({json.dumps(text)}))"
        )

    def click(self, selector: str, text: str = "") -> None:
        """Click with the mouse on the first element that shows a text."""
        x, y = self.until(
            "(() => {"
            f"const found = [...document.querySelectorAll({json.dumps(selector)})]"
            f".find(one => one.innerText.includes({json.dumps(text)}));"
            "if (!found) return null;"
            "const box = found.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def scroll_to(self, selector: str, text: str) -> None:
        """Scroll to the last element that shows a text."""
        self.until(
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".filter(one => one.innerText.includes({json.dumps(text)}))"
            ".map(one => one.scrollIntoView({block: 'center'}) || true).length"
        )

    def screenshot(self, path: Path) -> None:
        """Save a screenshot as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
