"""`mesotape report`, as a user runs it, and its page in a real Chromium."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.captured_cassettes import captured as captured
from support.chromium import Page
from support.commands import run
from support.paths import ROOT

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
READY = "document.documentElement && document.documentElement.dataset.ready"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(page: Page) -> Page:
    """A page so high that all of a report is seen, and that tells what it does."""
    for domain in ("Network", "Runtime", "Log"):
        page.call(f"{domain}.enable")
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=1400, height=4000, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    return page


def show(page: Page, output: Path, *words: object) -> None:
    """Write a report and open it. It makes no request and has no error."""
    done = run("report", *words, "-o", output)
    assert done.returncode == 0, done.stderr
    page.open(output.as_uri())
    page.until(READY)
    check_quiet(page, output)


def check_quiet(page: Page, output: Path) -> None:
    sent = page.events("Network.requestWillBeSent")
    assert [each["params"]["request"]["url"] for each in sent] == [output.as_uri()]
    loud = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
    assert page.events(*loud) == []


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


PIXEL = """(([lane, seconds]) => {
    const canvas = document.querySelector("#timeline canvas");
    const [own, over] = [canvas, document.querySelector("#timeline .u-over")].map(
        (one) => one.getBoundingClientRect());
    const x = over.left - own.left + over.width * (seconds + 0.01 * %(last)s) / (1.02 * %(last)s);
    const y = over.top - own.top + 24 * lane + 12;
    const scale = canvas.width / own.width;
    return [...canvas.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data];
})(%(place)s)"""
SWATCH = (
    "[...document.querySelectorAll('#types button')].find(one => one.innerText.includes(%s))"
    ".querySelector('i').style.background"
)
VARIABLE = "getComputedStyle(document.documentElement).getPropertyValue('--%s')"


def color_at(page: Page, lane: int, seconds: float, last: float) -> str:
    """Return the color of a pixel of the timeline, when all of it is shown."""
    *color, alpha = page.ask(PIXEL % {"last": last, "place": [lane, seconds]})
    return "" if alpha == 0 else "#{:02x}{:02x}{:02x}".format(*color)


def test_bars_and_ticks_stand_where_the_data_is(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.yaml"
    damaged.write_text(SAMPLE.read_text().replace('"type": "AGENT_A', '"kind": "AGENT_A', 1))
    show(page, tmp_path / "report.html", damaged)
    places = {
        (0, 1.0): VARIABLE % "stream",
        (0, 1.5285): VARIABLE % "bad",
        (0, 1.595): SWATCH % "'FRAMEWORK_ADDED'",
        (1, 1.5310): SWATCH % "'AGENT_ADDED'",
        (2, 0.8): None,
        (2, 2.573): VARIABLE % "bar",
        (2, 2.65): None,
    }
    found = {place: color_at(page, *place, last=5.476) for place in places}
    assert found == {
        place: "" if color is None else _hex(page.ask(color)) for place, color in places.items()
    }
    shown = page.ask(
        "[...document.querySelectorAll('#charts canvas')].map(one => new Set(new Uint32Array("
        "one.getContext('2d').getImageData(0, 0, one.width, one.height).data.buffer)).size)"
    )
    assert len(shown) == 2
    assert min(shown) > 4


def _hex(color: str) -> str:
    if color.startswith("rgb("):
        return "#{:02x}{:02x}{:02x}".format(*map(int, color[4:-1].split(",")))
    return color


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


UNANSWERED = """\
---
exchange: 8
at: 5.600000
client: 5
request:
  method: POST
  path: /api/v1
  headers:
    Content-Type: application/json
  text: |-
    {"type": "GET_AGENTS"}
response:
  after: 0.100000
  cause: server-cut
...
---
exchange: 9
at: 5.600000
client: 6
request:
  method: GET
  path: "/\\u202eREVERSED"
  headers: {}
response:
  after: 0.010000
  status: 404
  headers: {}
...
"""


def test_damage_is_shown(page: Page, tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    start = text.index("\n---\nevent: 5\n")
    damaged = text[:start] + text[text.index("\n---\n", start + 1) :]
    damaged = damaged.replace('"type": "TASK_UPDATED"', '"kind": "TASK_UPDATED"', 1)
    cassette = tmp_path / "damaged.yaml"
    cassette.write_text(damaged + UNANSWERED)
    show(page, tmp_path / "report.html", cassette)
    shown = page.until_text("#problem-list", "malformed")
    assert "event-gap" in shown
    assert "no-type" in shown
    assert page.until_text("#call-types tr", "GET_AGENTS").split() == [
        *("GET_AGENTS", "3", "1", "10.9", "ms", "10.9", "ms", "10.9", "ms", "17", "ms")
    ]
    page.until_text("#call-list", "GET /\\u202eREVERSED")
    page.until_text("#totals", "in 5.7 s")


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
