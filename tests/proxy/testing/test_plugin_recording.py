"""Recording by the pytest plugin, by real runs of pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mesotape.cassettes.storage.reader import Cassette

pytest_plugins = ["pytester", "support.pytest_runs"]

type Run = Callable[..., pytest.RunResult]

AGENTS = "def test_new(mesotape):\n    assert get(mesotape.url, 'GET_AGENTS')[0] == 200\n"
CALL_PLAYER = (
    "    with pytest.raises(RuntimeError, match='this test is recording'): mesotape.calls\n"
)


def recording(mode: str, upstream: str) -> tuple[str, str]:
    return f"--mesotape-record={mode}", f"--mesotape-upstream={upstream}"


def exchanges(cassette: Path) -> int:
    with Cassette.open(cassette) as opened:
        return len(opened)


def test_once_records_what_there_is_not_and_plays_what_there_is(
    tested: Run, folder: Path, upstream: str
) -> None:
    once = recording("once", upstream)
    both = (
        "def test_it(mesotape):\n"
        "    assert not mesotape.recording\n"
        "    assert get(mesotape.url, 'GET_HEALTH')[0] == 200\n"
    ) + AGENTS
    text = both + "    assert mesotape.recording\n" + CALL_PLAYER
    tested(text, *once).assert_outcomes(passed=2)
    assert exchanges(folder / "test_new.yaml") == 1
    tested(both, "--mesotape-record=once").assert_outcomes(passed=2)
    assert sorted(path.name for path in folder.iterdir()) == ["test_it.yaml", "test_new.yaml"]
    new = AGENTS + "    get(mesotape.url, 'GET_WEIGHTS')\n"
    tested(new, *once).assert_outcomes(passed=1, errors=1)


def test_all_records_anew(tested: Run, folder: Path, upstream: str) -> None:
    text = "def test_it(mesotape):\n    get(mesotape.url, 'GET_AGENTS')\n"
    tested(text, *recording("all", upstream)).assert_outcomes(passed=1)
    with Cassette.open(folder / "test_it.yaml") as cassette:
        (one,) = cassette.exchanges()
        assert cassette.header.upstream == upstream
        assert "GET_AGENTS" in str(one.request)


def test_new_episodes_come_after_the_old(tested: Run, folder: Path, upstream: str) -> None:
    old = "def test_it(mesotape):\n    assert get(mesotape.url, 'GET_HEALTH')[0] == 200\n"
    new = old + (
        "    assert get(mesotape.url, 'GET_AGENTS')[0] == 200\n"
        "    assert get(mesotape.url, 'GET_FLAGS')[0] == 501\n"
        "    assert ask(mesotape.url, 'no call')[0] == 400\n"
    )
    before = (folder / "test_it.yaml").read_bytes()
    episodes = recording("new_episodes", upstream)
    tested(old, *episodes).assert_outcomes(passed=1)
    assert (folder / "test_it.yaml").read_bytes() == before
    tested(new, *episodes).assert_outcomes(passed=1)
    assert (folder / "test_it.yaml").read_bytes().startswith(before)
    assert exchanges(folder / "test_it.yaml") == 4
    tested(new).assert_outcomes(passed=1)


def test_new_episodes_may_stream(tested: Run, folder: Path, upstream: str) -> None:
    text = (
        "def test_it(mesotape):\n"
        "    with subscribed(mesotape.url) as answer:\n"
        "        assert event(answer) == 'SUBSCRIBED'\n"
    )
    tested(text, *recording("new_episodes", upstream)).assert_outcomes(passed=1)
    tested(text).assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["all", "new_episodes"])
def test_a_test_that_fails_leaves_the_cassette_as_it_was(
    tested: Run, folder: Path, upstream: str, mode: str
) -> None:
    before = (folder / "test_it.yaml").read_bytes()
    text = "def test_it(mesotape):\n    get(mesotape.url, 'GET_AGENTS')\n    assert 0\n"
    done = tested(text, *recording(mode, upstream))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["the recording is saved as *test_it.failed.yaml; *"])
    assert (folder / "test_it.yaml").read_bytes() == before
    assert exchanges(folder / "test_it.failed.yaml") == (1 if mode == "all" else 2)
    passing = text.replace("assert 0", "")
    tested(passing, *recording(mode, upstream)).assert_outcomes(passed=1)
    assert [path.name for path in folder.iterdir()] == ["test_it.yaml"]


def test_no_secret_is_left_in_the_recording_of_a_test_that_fails(
    tested: Run, folder: Path, upstream: str
) -> None:
    text = (
        "import urllib.request\n"
        "def test_it(mesotape):\n"
        "    token = 'Bearer kX9-fj2-ffQ0zz'\n"
        "    headers = {'Authorization': token, 'Content-Type': 'application/json'}\n"
        '    data = b\'{"type":"GET_AGENTS"}\'\n'
        "    request = urllib.request.Request(mesotape.url + '/api/v1', data, headers)\n"
        "    urllib.request.urlopen(request).read()\n"
        "    assert 0\n"
    )
    tested(text, *recording("all", upstream)).assert_outcomes(failed=1)
    written = (folder / "test_it.failed.yaml").read_text()
    assert "Bearer REDACTED-" in written
    assert not any("kX9-fj2-ffQ0zz" in path.read_text() for path in folder.iterdir())


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (
            AGENTS,
            ["once"],
            "nothing to record *test_new.yaml from: pass --mesotape-upstream=URL, or set *",
        ),
        (AGENTS, ["once", "here"], "cannot record: here: expected a URL like http://*"),
        (
            "@pytest.mark.mesotape('a.yaml', 'b.yaml')\ndef test_it(mesotape): pass",
            ["all", "http://127.0.0.1:1"],
            "a test records one cassette, and this one has *a.yaml, *b.yaml: record each *",
        ),
        (
            "@pytest.mark.mesotape('a.yaml.gz')\ndef test_it(mesotape): pass",
            ["once", "http://127.0.0.1:1"],
            "cannot record: *a.yaml.gz: expected a name without .gz: recordings are not compressed",
        ),
        (
            "def test_it(mesotape):\n    assert get(mesotape.url, 'GET_STATE')[0] == 502\n",
            ["new_episodes", "here"],
            "cannot forward a request: here: expected a URL like http://*",
        ),
    ],
)
def test_why_it_cannot_record_is_said(
    tested: Run, text: str, arguments: list[str], said: str
) -> None:
    names = ("--mesotape-record", "--mesotape-upstream")
    told = (f"{name}={value}" for name, value in zip(names, arguments, strict=False))
    done = tested(text, *told)
    done.stdout.fnmatch_lines([said])
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_without_mitmproxy_recording_says_what_to_install(
    pytester: pytest.Pytester, tested: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = pytester.mkdir("blocked")
    (blocked / "mitmproxy.py").write_text("raise ImportError('blocked')\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    done = tested(AGENTS, *recording("once", "http://127.0.0.1:1"))
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["cannot record: recording needs mitmproxy: pip install 'mesotape[[]record]' (blocked)"]
    )


def test_the_ini_file_records_but_not_in_ci(
    pytester: pytest.Pytester,
    tested: Run,
    folder: Path,
    upstream: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytester.makeini(f"[pytest]\nmesotape_record = once\nmesotape_upstream = {upstream}")
    monkeypatch.setenv("CI", "true")
    done = tested(AGENTS)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"    pytest test_it.py::test_new * --mesotape-upstream={upstream}"])
    tested(AGENTS, "--mesotape-record=once").assert_outcomes(passed=1)
    (folder / "test_new.yaml").unlink()
    monkeypatch.delenv("CI")
    tested(AGENTS).assert_outcomes(passed=1)


def test_a_marker_says_what_to_record_from(tested: Run, folder: Path, upstream: str) -> None:
    marker = f"@pytest.mark.mesotape(upstream={upstream!r}, server='agent')\n"
    text = "def test_new(mesotape): ask(mesotape.url, '{}', '/containerizer/debug')\n"
    tested(marker + text, *recording("once", "http://127.0.0.1:1")).assert_outcomes(passed=1)
    with Cassette.open(folder / "test_new.yaml") as cassette:
        assert (cassette.header.upstream, cassette.header.server) == (upstream, "agent")


def test_an_unknown_mode_is_a_usage_error(pytester: pytest.Pytester, tested: Run) -> None:
    assert tested("", "--mesotape-record=twice").ret == pytest.ExitCode.USAGE_ERROR
    pytester.makeini("[pytest]\nmesotape_record = twice")
    done = tested("")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*mesotape_record is 'twice', expected one of none, once, *"])


@pytest.mark.parametrize("style", ["auto", "long", "short", "native", "line"])
@pytest.mark.parametrize("mode", ["once", "new_episodes"])
def test_an_upstream_that_is_down_is_named_before_the_traceback(
    tested: Run, mode: str, style: str
) -> None:
    name = "test_new" if mode == "once" else "test_it"
    done = tested(
        f"def {name}(mesotape):\n    assert get(mesotape.url, 'GET_AGENTS')[0] == 200\n",
        f"--mesotape-record={mode}",
        "--mesotape-upstream=http://127.0.0.1:9",
        f"--tb={style}",
    )
    done.assert_outcomes(failed=1)
    if style == "line":
        return  # pytest prints nothing but the line of the failure.
    lines = done.stdout.lines
    (number,) = (n for n, line in enumerate(lines) if line.startswith("mesotape: recording http"))
    assert lines[number].startswith(
        "mesotape: recording http://127.0.0.1:9: the upstream could not be reached: "
    )
    assert number < next(n for n, line in enumerate(lines) if "get(mesotape.url" in line)
    done.stdout.fnmatch_lines(["FAILED test_it.py::*"])


def test_a_recording_has_the_redaction_of_the_settings(
    tested: Run, folder: Path, upstream: str
) -> None:
    text = (
        "@pytest.mark.mesotape(redact_rules='rules.yaml', no_redact=['uri', 'flag'])\n"
        "def test_new(mesotape):\n"
        "    assert get(mesotape.url, 'GET_AGENTS')[0] == 200\n"
    )
    rules = "rules: [{id: hosts, value: '127[.]0[.]0[.]1'}]\n"
    (folder.parents[1] / "rules.yaml").write_text(rules)
    tested(text, *recording("once", upstream)).assert_outcomes(passed=1)
    cassette = (folder / "test_new.yaml").read_text()
    assert "Host: REDACTED-" in cassette
    assert ", hosts]\n" in cassette
    assert "uri" not in cassette.partition("\n...\n")[0]
    tested(text).assert_outcomes(passed=1)


def test_a_wrong_file_of_rules_is_named(tested: Run, folder: Path) -> None:
    text = "@pytest.mark.mesotape(redact_rules='none.yaml')\ndef test_it(mesotape): ...\n"
    tested(text).stdout.fnmatch_lines(["*@pytest.mark.mesotape: *none.yaml: cannot be read: No *"])
