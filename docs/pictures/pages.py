"""Draw two pages with Chromium: a report, and mitmweb while it records.

python docs/pictures/pages.py docs/pictures

writes report.png and mitmweb.png there.
"""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from draw import FILES, MESOTAPE, VARIABLES
from panels import PATIENCE_SECONDS, clients, wait_for

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))

from support.chromium import Page, browser  # noqa: E402 (the path of the tests is added above)

MITMWEB = (sys.executable, "-c", "from mitmproxy.tools.main import mitmweb; mitmweb()")
SIZE = {"width": 1240, "height": 640}
READY = "document.documentElement && document.documentElement.dataset.ready"


def draw(folder: Path) -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name, browser(Path(name)) as opened:
        work = Path(name)
        (work / "master.yaml").write_text(FILES["master.yaml"])
        page = opened.new_page()
        page.call("Emulation.setDeviceMetricsOverride", **SIZE, deviceScaleFactor=1, mobile=False)
        _show_report(page, work)
        page.screenshot(folder / "report.png")
        with _mitmweb(work) as (page_url, proxy_url):
            page.open(page_url)
            with clients(proxy_url):
                _show_stream(page)
                page.screenshot(folder / "mitmweb.png")


def _show_report(page: Page, work: Path) -> None:
    command = [*MESOTAPE, "report", "master.yaml", "-o", "report.html"]
    subprocess.run(command, cwd=work, check=True)
    page.open((work / "report.html").as_uri())
    page.until(READY)
    page.ask("document.querySelector('#call-list tbody tr:nth-child(4)').click()")  # Far below.
    page.until_text("#details", "as sent")


@contextlib.contextmanager
def _mitmweb(work: Path) -> Iterator[tuple[str, str]]:
    """Run mitmweb in front of a replay; yield the URLs of its page and of its proxy."""
    ready, log = work / "ready", work / "mitmweb.log"
    replay = [*MESOTAPE, "replay", "master.yaml", "--ready-file", str(ready)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_running(replay, work, work / "replay.log"))
        wait_for(lambda: ready.exists() and ready.read_text(), "replay that listens")
        web_port = _free_port()
        words = [
            *(*MITMWEB, "-s", str(ROOT / "addons" / "script.py"), "--no-web-open-browser"),
            *("--mode", f"reverse:{ready.read_text().split()[0]}@127.0.0.1:0"),
            *("--web-host", "127.0.0.1", "--web-port", str(web_port)),
            *("--set", f"confdir={work}", "--set", "web_password=look"),
            *("--set", "mesotape_cassette=cassette.yaml"),
        ]
        stack.enter_context(_running(words, work, log))
        wait_for(lambda: "Web server listening" in log.read_text(), "mitmweb that listens")
        (proxy,) = re.findall(r"listening at (127\.0\.0\.1:\d+)\.", log.read_text())
        yield f"http://127.0.0.1:{web_port}/?token=look", f"http://{proxy}"


@contextlib.contextmanager
def _running(words: list[str], work: Path, log: Path) -> Iterator[None]:
    variables = VARIABLES | {"PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(words, cwd=work, env=variables, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _show_stream(page: Page) -> None:
    """Select the first subscription, and show its events, when there are some."""
    page.until_text(".flow-table tbody tr", "SUBSCRIBE · 14 events")
    page.click(".flow-table tbody tr", "SUBSCRIBE")
    page.click("nav a", "Response")
    page.until_text(".contentview", "TASK_UPDATED")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
