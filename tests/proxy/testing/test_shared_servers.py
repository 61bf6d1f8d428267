"""Servers that several tests share, by real runs of pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cassette_builder import call, said, stream, written

from mesotape.cassettes.storage.reader import Cassette

pytest_plugins = ["pytester", "support.pytest_runs"]

type Run = Callable[..., pytest.RunResult]

SCHEDULER = "/api/v1/scheduler"
SUBSCRIBE = said("SUBSCRIBE", subscribe={"framework_info": {"user": "u", "name": "n"}})
SUBSCRIBED = said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}})
DECLINE = said("DECLINE", framework_id={"value": "f"}, decline={"offer_ids": [{"value": "o"}]})
HEALTH = call(3, 1.0, said("GET_HEALTH"), said("GET_HEALTH"))
RAN = [
    stream(1, 0.0, [(0.1, SUBSCRIBED)], text=SUBSCRIBE, path=SCHEDULER),
    call(2, 0.2, DECLINE, path=SCHEDULER),
]
HEALTHY = "    assert get(master.url, 'GET_HEALTH')[0] == 200\n"
MISS = "    get(master.url, 'GET_STATE')\n"
SUBSCRIBES = f"    subscribed(master.url, {SUBSCRIBE!r}, {SCHEDULER!r}).close()\n"
STAYS = (
    f"    with subscribed(master.url, {SUBSCRIBE!r}, {SCHEDULER!r}) as answer:\n"
    "        event(answer)\n"
    f"        ask(master.url, {DECLINE!r}, {SCHEDULER!r})\n"
)


def shared(scope: str = "module", arguments: str = "'shared.yaml'") -> str:
    return (
        f"@pytest.fixture(scope={scope!r})\n"
        "def master(mesotape_server):\n"
        f"    with mesotape_server({arguments}) as master: yield master\n"
    )


def using(*bodies: str) -> str:
    return "".join(f"def test_{n}(master):\n{body}" for n, body in enumerate(bodies, 1))


@pytest.fixture
def cassette(pytester: pytest.Pytester) -> Path:
    return written(pytester.path / "shared.yaml", *RAN, HEALTH)


@pytest.mark.usefixtures("cassette")
@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_tests_of_a_scope_share_a_server(tested: Run, scope: str) -> None:
    text = (
        "URLS = set()\n"
        "class TestIt:\n"
        "    @pytest.mark.parametrize('n', range(3))\n"
        "    def test_it(self, master, n):\n"
        "        URLS.add(master.url)\n"
        "        assert len(URLS) == 1 and os.environ['MESOTAPE_URL'] == master.url\n"
        "        get(master.url, 'GET_HEALTH')\n"
        "        assert len(master.calls) == n + 1\n"
    )
    tested(shared(scope) + text).assert_outcomes(passed=3)


@pytest.mark.usefixtures("cassette")
@pytest.mark.parametrize(
    ("bodies", "outcome", "said"),
    [
        ([HEALTHY, MISS, HEALTHY], {"passed": 3, "errors": 1}, "*ERROR at teardown of test_2*"),
        ([MISS, MISS], {"passed": 2, "errors": 2}, "*ERROR at teardown of test_1*"),
        ([f"{MISS}    assert 0\n", HEALTHY], {"failed": 1, "passed": 1}, "*- mesotape -*"),
        ([SUBSCRIBES, HEALTHY], {"passed": 2, "errors": 1}, "left out: exchange 2, *DECLINE*"),
        ([STAYS], {"passed": 1}, None),
        ([SUBSCRIBES, "    pytest.skip('no')\n"], {"passed": 1, "skipped": 1}, None),
        ([SUBSCRIBES, "    assert 0\n"], {"passed": 1, "failed": 1}, None),
        (["    pass\n"], {"passed": 1, "errors": 1}, "*no exchange was used*"),
    ],
)
def test_a_problem_is_reported_where_it_is_known(
    tested: Run, bodies: list[str], outcome: dict[str, int], said: str | None
) -> None:
    done = tested(shared() + using(*bodies))
    done.assert_outcomes(**outcome)
    if said is not None:
        done.stdout.fnmatch_lines([said])


@pytest.mark.usefixtures("cassette")
@pytest.mark.parametrize("options", [["-k", "test_1"], ["test_it.py::test_1"], ["test_it.py"]])
def test_what_selected_tests_leave_out_is_no_problem(tested: Run, options: list[str]) -> None:
    done = tested(shared() + using(SUBSCRIBES) + "def test_other(): pass\n", *options)
    assert (done.ret, done.parseoutcomes()["passed"]) == (0, 2 if options == ["test_it.py"] else 1)


@pytest.mark.usefixtures("cassette")
def test_the_server_of_one_test_is_checked_whole(tested: Run) -> None:
    text = f"    with mesotape_server('shared.yaml') as master:\n    {SUBSCRIBES}"
    done = tested(f"def test_it(mesotape_server):\n{text}", "test_it.py::test_it")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["left out: exchange 2, *DECLINE*"])


def test_an_upstream_that_cannot_be_reached_is_named(tested: Run) -> None:
    start = shared(arguments="'new.yaml', upstream='http://127.0.0.1:1'")
    done = tested(start + using(HEALTHY), "--mesotape-record=once")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["mesotape: recording http://127.0.0.1:1: *"])


@pytest.mark.usefixtures("cassette")
def test_two_servers_run_at_once_and_a_marker_plays_a_third(
    pytester: pytest.Pytester, tested: Run
) -> None:
    written(pytester.path / "agent.yaml", call(1, 0.0, said("GET_FLAGS"), said("GET_FLAGS")))
    done = tested(
        shared(arguments="'shared.yaml', require='GET_HEALTH', strict=False")
        + "def test_it(master, mesotape_server, mesotape):\n"
        "    with mesotape_server('agent.yaml') as agent:\n"
        "        assert get(agent.url, 'GET_FLAGS')[0] == 200\n"
        "        assert os.environ['MESOTAPE_URL'] == agent.url\n"
        "    assert os.environ['MESOTAPE_URL'] == mesotape.url\n"
        "    assert get(mesotape.url, 'GET_HEALTH')[0] == 200\n"
        "    assert get(master.url, 'GET_STATE')[0] == 501\n"
    )
    done.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "mesotape_server: expected the path of a cassette"),
        ("'shared.yaml', pase='step'", "mesotape_server: there is no pase, did you mean pace? *"),
        ("'none.yaml'", "    pytest --mesotape-record=once --mesotape-upstream=http://master*"),
    ],
)
@pytest.mark.usefixtures("cassette")
def test_what_cannot_be_served_is_said(tested: Run, arguments: str, said: str) -> None:
    done = tested(shared(arguments=arguments) + using(HEALTHY))
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([said])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_the_tests_of_a_server_record_one_cassette(
    pytester: pytest.Pytester, tested: Run, upstream: str
) -> None:
    path = pytester.path / "new.yaml"
    agents = HEALTHY.replace("HEALTH", "AGENTS")
    text = shared(arguments="'new.yaml'") + using(agents, HEALTHY.replace("HEALTH", "WEIGHTS"))
    recording = ("--mesotape-record=once", f"--mesotape-upstream={upstream}")
    failing = tested(f"{text}    assert 0\n", *recording)
    failing.assert_outcomes(passed=1, failed=1)
    failing.stdout.fnmatch_lines(
        ["*- mesotape -*", "the recording is saved as *new.failed.yaml; *"]
    )
    assert not path.exists()
    broken = text.replace(
        "as master: yield", "as master: get(master.url, 'GET_AGENTS'); 1 / 0; yield"
    )
    tested(broken, *recording).assert_outcomes(errors=2)
    assert not path.exists()
    tested(text, *recording).assert_outcomes(passed=2)
    with Cassette.open(path) as opened:
        assert len(opened) == 2


def test_servers_that_record_the_same_cassette_do_not_share_a_file(
    tested: Run, pytester: pytest.Pytester, upstream: str
) -> None:
    text = (
        "def test_it(mesotape_server):\n"
        "    with mesotape_server('new.yaml') as first, mesotape_server('new.yaml') as second:\n"
        "        get(first.url, 'GET_HEALTH')\n"
        "        get(first.url, 'GET_HEALTH')\n"
        "        get(second.url, 'GET_AGENTS')\n"
    )
    recording = ("--mesotape-record=all", f"--mesotape-upstream={upstream}")
    tested(text, *recording).assert_outcomes(passed=1)
    assert [path.name for path in pytester.path.glob("*new.yaml*")] == ["new.yaml"]
    with Cassette.open(pytester.path / "new.yaml") as cassette:
        assert len(cassette) == 2


def test_what_shared_servers_play_is_in_the_report_of_unused_cassettes(
    pytester: pytest.Pytester, tested: Run
) -> None:
    path = written(pytester.path / "cassettes" / "shared.yaml", *RAN, HEALTH)
    old = path.with_name("test_it") / "test_it.yaml"
    old.unlink()
    text = shared(arguments="'cassettes/shared.yaml'") + using(HEALTHY)
    done = tested(text, "--mesotape-unused=report")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["cassettes/shared.yaml: 2 of 3 exchanges were not used"])
    skipped = tested(f"{text}@pytest.mark.skip\n{using(HEALTHY)}", "--mesotape-unused=report")
    skipped.stdout.fnmatch_lines(["not checked, *: a test that did not run may use any cassette"])


@pytest.mark.usefixtures("folder", "cassette")
def test_each_process_of_xdist_has_servers_of_its_own(pytester: pytest.Pytester) -> None:
    text = (
        "@pytest.mark.parametrize('n', range(6))\n"
        "def test_it(master, n):\n"
        f"{HEALTHY}{SUBSCRIBES}"
        "    with open(f'{n}.url', 'x') as file: file.write(master.url)\n"
    )
    start = shared("session", "'shared.yaml', repeat='cycle'")
    pytester.makepyfile(test_it=f"from client import *\n{start}{text}")
    options = ("-n", "2", "-p", "no:hypothesispytest", "--mesotape-unused=report")
    done = pytester.runpytest_subprocess(*options)
    done.assert_outcomes(passed=6)
    assert len({path.read_text() for path in pytester.path.glob("*.url")}) == 2
    done.stdout.no_fnmatch_line("*shared.yaml: no test used it*")


def test_processes_of_xdist_do_not_record_parts_of_a_cassette(
    pytester: pytest.Pytester, tested: Run
) -> None:
    pytester.makeconftest("def pytest_configure(config): config.workerinput = {}\n")
    text = shared("session", "'new.yaml', upstream='http://127.0.0.1:1'") + using(HEALTHY)
    done = tested(text, "-p", "no:xdist", "--mesotape-record=once")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*new.yaml: its tests run in several processes, *: record without -n *"]
    )
    assert list(pytester.path.glob("*new*")) == []
