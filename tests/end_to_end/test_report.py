"""`mesotape report`, as a user runs it, and its page in a real Chromium."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.captured_cassettes import captured as captured
from support.chromium import Page, browser
from support.commands import run
from support.paths import ROOT

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
READY = "document.documentElement && document.documentElement.dataset.ready"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        for domain in ("Network", "Runtime", "Log"):
            opened.call(f"{domain}.enable")
        opened.call(
            "Emulation.setDeviceMetricsOverride",
            width=1400, height=4000, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        yield opened


def show(page: Page, output: Path, *words: object) -> None:
    """Write a report and open it. It makes no request and has no error, now or before."""
    done = run("report", *words, "-o", output)
    assert done.returncode == 0, done.stderr
    page.events.clear()
    page.open(output.as_uri())
    page.until(READY)
    check_quiet(page, output)


def check_quiet(page: Page, output: Path) -> None:
    sent = [each for each in page.events if each.get("method") == "Network.requestWillBeSent"]
    assert [each["params"]["request"]["url"] for each in sent] == [output.as_uri()]
    loud = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
    assert [each for each in page.events if each.get("method") in loud] == []


def test_the_page_shows_the_sample(page: Page, tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    show(page, output, SAMPLE)
    assert page.until_text("#totals", "7 exchanges, 36 events")
    assert page.until_text("#types", "TASK_UPDATED 18".replace(" ", "\n"))
    assert page.until_text("#call-types", "GET_AGENTS\t2")
    assert page.ask("document.querySelectorAll('#call-list tbody tr').length") == 7
    assert page.ask("[...document.querySelectorAll('#charts h3')].map(one => one.innerText)") == [
        "Tasks",
        "Agents",
    ]
    page.click("#call-list td", "GET_WEIGHTS")
    shown = page.until_text("#details", "GET_WEIGHTS, exchange")
    assert '"type": "GET_WEIGHTS"' in shown
    assert "as sent" in shown
    assert "converted" in shown
    assert "000000  08 " in shown
    check_quiet(page, output)


def test_a_click_on_a_tick_shows_the_event(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path / "report.html", SAMPLE)
    box = page.ask(
        "(() => { const box = document.querySelector('#timeline .u-over').getBoundingClientRect();"
        " return [box.x, box.y, box.width]; })()"
    )
    first, last = -0.01 * 5.476, 1.01 * 5.476  # The whole view, with its margins.
    x = box[0] + box[2] * (1.522 - first) / (last - first)
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=box[1] + 12, button="left", clickCount=1
        )
    assert "AGENT_ADDED" in page.until_text("#tip", "record")
    assert '"AGENT_ADDED"' in page.until_text("#details", "Protobuf")


def test_calls_lead_to_the_events_that_they_caused(
    page: Page, tmp_path: Path, captured: Callable[[str], Path]
) -> None:
    show(page, tmp_path / "report.html", captured("sched-all"))
    page.click("#call-list td", "ACCEPT")
    page.click("#details .links button", "UPDATE_OPERATION_STATUS")
    page.click("#details .links button", "ACCEPT")
    page.until_text("#details", "ACCEPT, exchange")


def test_types_are_hidden_and_calls_are_filtered(page: Page, tmp_path: Path) -> None:
    show(page, tmp_path / "report.html", SAMPLE)
    page.click("#types button", "HEARTBEAT")
    page.until("document.querySelectorAll('#types [aria-pressed=false]').length === 1")
    page.ask(
        "(() => { const filter = document.getElementById('filter'); filter.value = 'get_agents';"
        " filter.dispatchEvent(new Event('input')); })()"
    )
    page.until("document.querySelectorAll('#call-list tbody tr').length === 2")
    before = page.ask("document.getElementById('range').innerText")
    page.click("#zoom-in")
    page.until(f"document.getElementById('range').innerText !== {json.dumps(before)}")
    page.click("#zoom-all")
    page.until(f"document.getElementById('range').innerText === {json.dumps(before)}")


def test_damage_is_shown(page: Page, tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    start = text.index("\n---\nevent: 5\n")
    damaged = text[:start] + text[text.index("\n---\n", start + 1) :]
    damaged = damaged.replace('"type": "TASK_UPDATED"', '"kind": "TASK_UPDATED"', 1)
    cassette = tmp_path / "damaged.yaml"
    cassette.write_text(damaged)
    show(page, tmp_path / "report.html", cassette)
    shown = page.until_text("#problem-list", "malformed")
    assert "event-gap" in shown
    assert "no-type" in shown


def test_nothing_of_a_hostile_cassette_is_markup_or_script(page: Page, tmp_path: Path) -> None:
    text = SAMPLE.read_text().replace("path: /api/v1", f"path: '/{HOSTILE.replace("'", "''")}'", 2)
    text = text.replace('"type": "HEARTBEAT"', f'"type": {json.dumps(HOSTILE)}')
    text = text.replace('"TASK_RUNNING"', json.dumps(HOSTILE))
    text = text.replace("upstream: http://master.example:5050", "upstream: 'http://<b>x</b>'")
    text += f"---\nnote: {json.dumps(HOSTILE)}\nat: 5.5\n...\n"
    name = tmp_path / "<img src=x onerror=alert(1)>.yaml"
    name.write_text(text)
    output = tmp_path / "report.html"
    show(page, output, name)
    assert HOSTILE.encode() not in output.read_bytes()
    page.until_text("#cassettes", "<img src=x onerror=alert(1)>.yaml")
    page.until_text("#types", "<script>")
    page.until_text("#problem-list", "<script>")
    page.click("#call-list td", "<script>")
    page.until_text("#details", "<script>")
    assert page.ask("document.querySelectorAll('img, b:not(#cassettes b), iframe').length") == 0
    assert page.ask("document.title") != "owned"
    check_quiet(page, output)


def test_a_receipt_is_laid_over_the_calls(page: Page, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    played: dict[str, Any] = {
        "cassettes": [{"path": "elsewhere.yaml", "sha256": _digest(SAMPLE)}],
        "counts": {
            "served": 3, "refused": 0, "missed": 1, "failed": 0, "unused": 1, "left_out": 0,
        },
        "served": [
            {"cassette": "elsewhere.yaml", "exchange": 1, "times": 3},
            {"cassette": "elsewhere.yaml", "exchange": 2, "times": 1 << 40},
        ],
        "unused": [{"cassette": "elsewhere.yaml", "exchange": 3}],
        "misses": [
            {
                "miss": "nothing recorded for this call",
                "request": {"method": "POST", "path": "/api/v1", "call": "master call GET_MASTER"},
                "nearest": [{
                    "exchange": 5, "what": "master call GET_QUOTA", "differences": [
                        {"path": "type", "recorded": "GET_QUOTA", "received": "GET_MASTER"}
                    ],
                }],
            },
            {"miss": "unreadable"},
        ],
        "strikes": ["fault drop@3 fired: exchange 1, SUBSCRIBE: record 3 was not sent"],
    }  # fmt: skip
    receipt.write_text(json.dumps({"mesotape": "0", **played}))
    show(page, tmp_path / "report.html", SAMPLE, "--receipt", receipt)
    shown = page.until_text("#receipt", "3 served, 1 missed, 1 unused")
    assert (
        "master call GET_MASTER: nothing recorded for this call; nearest: exchange 5,"
        " master call GET_QUOTA (type: GET_QUOTA → GET_MASTER)"
    ) in shown
    calls = page.until_text("#call-list", "unused")
    assert "3×" in calls
    page.click("#receipt li button", "show")
    page.until_text("#details", "GET_QUOTA, exchange 5")


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_has_the_counts(tmp_path: Path) -> None:
    done = run("report", SAMPLE, "-o", "r.html", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {
        "file": "r.html",
        "cassettes": 1,
        "exchanges": 7,
        "events": 36,
        "problems": 0,
        "messages_left_out": 0,
    }


ERRORS = [
    (("no.yaml", "-o", "r.html"), "no.yaml: there is no such file"),
    (("a.yaml", "-o", "a.yaml"), "a.yaml: is a cassette that is read: choose another file"),
    (("a.yaml", "-o", "no/r.html"), "no/r.html: cannot be written: No such file"),
    (("a.yaml", "-o", "r.html", "--receipt", "no.json"), "no.json: cannot be read: No such file"),
    (("a.yaml", "-o", "r.html", "--receipt", "a.yaml"), "a.yaml: is no receipt of mesotape"),
    (("a.yaml", "-o", "r.html", "--receipt", "other.json"), "the receipt is of b.yaml"),
    (
        ("a.yaml", "-o", "r.html", "--receipt", "odd.json"),
        "odd.json: is no receipt of mesotape replay --receipt: Expected `object`",
    ),
    (("other.json", "-o", "r.html"), "other.json:1: "),
    (("/dev/null", "-o", "r.html"), "/dev/null: is read several times, and is no file"),
]


@pytest.mark.parametrize(("words", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_an_error_is_one_line(words: tuple[str, ...], text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "odd.json").write_text('{"cassettes": [], "misses": [{"request": 5}]}')
    (tmp_path / "other.json").write_text('{"cassettes": [{"path": "b.yaml", "sha256": "0"}]}')
    done = run("report", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.html").exists()
    assert (tmp_path / "a.yaml").read_bytes() == SAMPLE.read_bytes()


def test_the_library_is_the_version_that_is_named() -> None:
    version = (ROOT / "Makefile").read_text().partition("UPLOT := ")[2].partition("\n")[0]
    library = (ROOT / "cassettes" / "reporting" / "page" / "uplot.min.js").read_text()
    assert library.startswith(f"/*! https://github.com/leeoniya/uPlot (v{version}) */")
    assert f"uPlot {version}\n" in (ROOT / "NOTICE").read_text()
