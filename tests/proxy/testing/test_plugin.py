"""The pytest plugin, by real runs of pytest."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cassette_builder import BEAT, SCHEDULER, call, said, stream, written

from mesotape.cassettes.answers.pace import Every, Instant, Recorded, Stepped
from mesotape.cassettes.playback.playback import Options
from mesotape.proxy.testing.settings import cassette_file_name, merge_settings

pytest_plugins = ["pytester", "support.pytest_runs"]

HEALTH = call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True}))
EVENTS = [(0.1, BEAT), (0.2, BEAT), (0.3, BEAT)]
DECLINE = said("DECLINE", framework_id={"value": "f"}, decline={"offer_ids": [{"value": "o"}]})
SUBSCRIBE = said("SUBSCRIBE", subscribe={"framework_info": {"user": "u", "name": "n"}})
SUBSCRIBED = said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}})
RAN = [
    stream(1, 0.0, [(0.1, SUBSCRIBED), (0.3, BEAT)], text=SUBSCRIBE, path=SCHEDULER),
    call(2, 0.2, DECLINE, path=SCHEDULER),
]

type Run = Callable[..., pytest.RunResult]


# Which cassette.


def test_a_test_gets_the_cassette_with_its_name(tested: Run) -> None:
    done = tested(
        """
        def test_it(mesotape):
            status, said = get(mesotape.url, "GET_HEALTH")
            assert (status, said["get_health"]["healthy"]) == (200, True)
            assert mesotape.url == "http://{}:{}".format(*mesotape.address)
            assert [call.type for call in mesotape.calls] == ["GET_HEALTH"]
            assert [path.name for path in mesotape.cassettes] == ["test_it.yaml"]
            assert (mesotape.recording, mesotape.unused, mesotape.misses) == (False, [], [])
            assert mesotape.receipt()["counts"]["served"] == 1
        """.replace("\n        ", "\n")
    )
    done.assert_outcomes(passed=1)


def test_classes_and_parameters_are_in_the_name(tested: Run, folder: Path) -> None:
    for name in ("TestA.TestB.test_c", "test_d[json]", "test_d[-1.5]"):
        written(folder / f"{name}.yaml", HEALTH)
    done = tested(
        "class TestA:\n"
        "    class TestB:\n"
        "        def test_c(self, mesotape): get(mesotape.url, 'GET_HEALTH')\n"
        "@pytest.mark.parametrize('how', ['json', -1.5])\n"
        "def test_d(mesotape, how): get(mesotape.url, 'GET_HEALTH')\n"
    )
    done.assert_outcomes(passed=3)


def test_parameters_make_safe_names_and_each_another() -> None:
    names = [f"test_it[{text}]" for text in ("a/b", "a:b", "../../c", "ü", "x" * 999, "x" * 998)]
    made = [cassette_file_name(name) for name in names]
    assert len(set(made)) == len(names)
    for name in made:
        assert "/" not in name
        assert len(name.encode()) < 200
    assert made[0].startswith("test_it[a-b]-")
    assert cassette_file_name("test_it[a.b-c]") == "test_it[a.b-c]"


def test_the_marker_names_cassettes_and_several_play_as_one(tested: Run, folder: Path) -> None:
    written(folder / "a.yaml", HEALTH)
    written(folder.parent / "b.yaml", call(1, 0.0, said("GET_FLAGS"), said("GET_FLAGS")))
    done = tested(
        "@pytest.mark.mesotape('a.yaml', '../b.yaml')\n"
        "def test_both(mesotape):\n"
        "    for kind in ('GET_HEALTH', 'GET_FLAGS'):\n"
        "        assert get(mesotape.url, kind)[0] == 200\n"
    )
    done.assert_outcomes(passed=1)


def test_the_closest_marker_names_and_all_have_a_say(tested: Run, folder: Path) -> None:
    written(folder / "a.yaml", HEALTH)
    done = tested(
        "pytestmark = pytest.mark.mesotape('none.yaml', strict=False, pace='recorded')\n"
        "@pytest.mark.mesotape('a.yaml', pace='step')\n"
        "class TestIt:\n"
        "    @pytest.mark.mesotape(start_at=0.5)\n"
        "    def test_it(self, mesotape):\n"
        "        pace = mesotape.player.playback.options.pace\n"
        "        assert type(pace).__name__ == 'Stepped' and pace.start_at == 0.5\n"
        "        assert get(mesotape.url, 'GET_STATE')[0] == 501\n"
    )
    done.assert_outcomes(passed=1)


def test_fixtures_say_where_cassettes_are_and_how_they_play(
    pytester: pytest.Pytester, tested: Run
) -> None:
    written(pytester.mkdir("tapes") / "TEST_IT.yaml", HEALTH)
    pytester.makeconftest(
        "import pytest\n"
        "@pytest.fixture\n"
        "def mesotape_cassette_dir(request): return request.config.rootpath / 'tapes'\n"
        "@pytest.fixture\n"
        "def mesotape_cassette_name(mesotape_cassette_name): return 'TEST_IT.yaml'\n"
        "@pytest.fixture(scope='session')\n"
        "def mesotape_config(): return {'strict': False, 'repeat': ['never']}\n"
    )
    done = tested(
        "def test_it(mesotape):\n"
        "    assert mesotape.cassettes[0].parent.name == 'tapes'\n"
        "    assert [get(mesotape.url, 'GET_HEALTH')[0] for _ in range(2)] == [200, 501]\n"
        "@pytest.mark.mesotape(repeat='cycle')\n"
        "def test_other(mesotape):\n"
        "    assert [get(mesotape.url, 'GET_HEALTH')[0] for _ in range(2)] == [200, 200]\n"
    )
    done.assert_outcomes(passed=2)


MISSING = [
    "*ERROR at setup of test_new*",
    "there is no cassette *cassettes/test_it/test_new.yaml",
    "to record it from a Mesos server:",
    "    pytest test_it.py::test_new --mesotape-record=once --mesotape-upstream=http://master*",
]


@pytest.mark.parametrize("ci", [False, True])
def test_without_a_cassette_the_failure_has_the_command_that_records_it(
    tested: Run, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    if ci:
        monkeypatch.setenv("CI", "true")
    done = tested("def test_new(mesotape): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(MISSING)


def test_a_bad_cassette_is_said_in_a_line(tested: Run, folder: Path) -> None:
    (folder / "test_it.yaml").write_text("nothing\n")
    done = tested("def test_it(mesotape): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["cannot play: *test_it.yaml:1: not a cassette: *"])
    done.stdout.no_fnmatch_line("*Traceback*")


# What the marker takes.


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ({}, Options(pace=Instant())),
        ({"pace": "step", "start_at": 1}, Options(pace=Stepped(1.0))),
        ({"pace": "every:0.5"}, Options(pace=Every(0.5))),
        (
            {"pace": "recorded", "speed": 2, "max_gap": 1},
            Options(pace=Recorded(speed=2.0, max_gap=1.0)),
        ),
        ({"causality": "off"}, Options(pace=Instant(), causality="off")),
        ({"ignore": "offer-ids"}, Options(pace=Instant(), ignore=("offer-ids",))),
        ({"repeat": ("never",)}, Options(pace=Instant(), repeat=("never",))),
        ({"rebind": True}, Options(pace=Instant(), rebind=True)),
        ({"fault": "503@1", "seed": 7}, Options(pace=Instant(), faults=("503@1",), seed=7)),
    ],
)
def test_what_a_marker_says_is_how_it_plays(told: dict[str, Any], options: Options) -> None:
    assert merge_settings([told]).playback_options() == options


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("pase='step'", "there is no pase, did you mean pace? It takes pace, speed, max_gap, *"),
        ("3", "3 is not the file name of a cassette"),
        ("pace='quick'", "pace is 'quick', expected recorded, every:SECONDS *"),
        ("pace=3", "pace: Expected `str`, got `int`"),
        ("speed=2", "speed makes no sense at pace instant"),
        ("causality='some'", "causality: Invalid enum value 'some'"),
        ("repeat='sometimes'", "*sometimes*"),
        ("ignore='no-such-name'", "*no-such-name*"),
        ("fault='boom'", "*boom*"),
        ("clock='sun'", "clock is 'sun', expected 'manual'"),
        ("strict='yes'", "strict: Expected `bool`, got `str`"),
    ],
)
def test_what_makes_no_sense_is_said(tested: Run, told: str, text: str) -> None:
    done = tested(f"@pytest.mark.mesotape({told})\ndef test_it(mesotape): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"@pytest.mark.mesotape: {text}"])
    done.stdout.no_fnmatch_line("*During handling*")


def test_a_bad_config_is_named(pytester: pytest.Pytester, tested: Run) -> None:
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef mesotape_config(): return {'sped': 1}\n"
    )
    done = tested("def test_it(mesotape): pass")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["mesotape_config: there is no sped, did you mean speed? *"])


def test_a_stream_goes_step_by_step(tested: Run, folder: Path) -> None:
    written(folder / "test_it.yaml", stream(1, 0.0, EVENTS))
    done = tested(
        "@pytest.mark.mesotape(pace='step')\n"
        "def test_it(mesotape):\n"
        "    with subscribed(mesotape.url) as answer:\n"
        "        (state,) = mesotape.streams\n"
        "        assert (state.state, state.events_sent) == ('held', 0)\n"
        "        assert mesotape.waiting\n"
        "        assert mesotape.advance() == 1 == mesotape.await_events(1)\n"
        "        assert event(answer) == 'HEARTBEAT'\n"
        "        assert mesotape.advance(2) == 2\n"
        "        assert mesotape.await_call('SUBSCRIBE', path='/api/v1').outcome == 'served'\n"
        "        mesotape.hold(); mesotape.release(); mesotape.reset()\n"
        "        assert mesotape.left_out == []\n"
    )
    done.assert_outcomes(passed=1)


def test_a_manual_clock_moves_by_advance(tested: Run, folder: Path) -> None:
    written(folder / "test_it.yaml", stream(1, 0.0, EVENTS))
    done = tested(
        "@pytest.mark.mesotape(pace='recorded', clock='manual')\n"
        "def test_it(mesotape):\n"
        "    with subscribed(mesotape.url):\n"
        "        assert [mesotape.advance(seconds=0.1) for _ in range(3)] == [1, 1, 1]\n"
    )
    done.assert_outcomes(passed=1)


def test_a_fault_is_made(tested: Run) -> None:
    done = tested(
        "@pytest.mark.mesotape(fault='GET_HEALTH:503@1')\n"
        "def test_it(mesotape):\n"
        "    assert [get(mesotape.url, 'GET_HEALTH')[0] for _ in range(2)] == [503, 200]\n"
    )
    done.assert_outcomes(passed=1)


# Strict.


SWALLOWED = {
    "get(mesotape.url, 'GET_STATE')": "no recorded answer: POST /api/v1, master call GET_STATE: *",
    "ask(mesotape.url, 'no call')": "refused as Mesos does, 400 *",
    f"subscribed(mesotape.url, {SUBSCRIBE!r}, '/api/v1/scheduler').close()": (
        "left out: exchange 2, scheduler call DECLINE: *"
    ),
}


@pytest.mark.parametrize("made", SWALLOWED)
def test_what_the_client_swallows_fails_the_test(tested: Run, folder: Path, made: str) -> None:
    written(folder / "test_it.yaml", *RAN)
    done = tested(f"def test_it(mesotape):\n    {made}\n")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", SWALLOWED[made]])
    assert done.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("made", SWALLOWED)
def test_who_is_not_strict_swallows(tested: Run, folder: Path, made: str) -> None:
    written(folder / "test_it.yaml", *RAN)
    done = tested(f"@pytest.mark.mesotape(strict=False)\ndef test_it(mesotape):\n    {made}\n")
    done.assert_outcomes(passed=1)


def test_a_call_that_is_sent_at_the_very_end_counts(tested: Run) -> None:
    done = tested(
        "import socket\n"
        "def test_it(mesotape):\n"
        '    body = b\'{"type":"GET_STATE"}\'\n'
        "    head = b'POST /api/v1 HTTP/1.1\\r\\nContent-Type: application/json\\r\\n'\n"
        "    length = b'Content-Length: %d\\r\\n\\r\\n' % len(body)\n"
        "    with socket.create_connection(mesotape.address) as connection:\n"
        "        connection.sendall(head + length + body)\n"
    )
    done.assert_outcomes(passed=1, errors=1)


FRAMEWORK = (
    "@pytest.fixture\n"
    "def framework(mesotape):\n"
    f"    with subscribed(mesotape.url, {SUBSCRIBE!r}, '/api/v1/scheduler') as answer:\n"
    "        yield answer\n"
)


def test_calls_that_other_fixtures_make_in_the_end_count(tested: Run, folder: Path) -> None:
    written(folder / "test_it.yaml", *RAN)
    declines = f"        ask(mesotape.url, {DECLINE!r}, '/api/v1/scheduler')\n"
    done = tested(FRAMEWORK + declines + "def test_it(framework): pass\n")
    done.assert_outcomes(passed=1)


def test_a_miss_advises_keywords_of_the_marker(tested: Run) -> None:
    done = tested(
        "@pytest.mark.mesotape(repeat='never')\n"
        "def test_it(mesotape):\n"
        "    assert [get(mesotape.url, 'GET_HEALTH')[0] for _ in range(2)] == [200, 501]\n"
    )
    done.stdout.fnmatch_lines(
        ['  or: repeat=[[]"never", "GET_HEALTH=last"] gives the last answer again.']
    )


def test_a_failure_lists_misses_and_held_streams(tested: Run, folder: Path) -> None:
    written(folder / "test_it.yaml", *RAN)
    done = tested(
        FRAMEWORK + "def test_it(mesotape, framework):\n"
        "    assert event(framework) == 'SUBSCRIBED'\n"
        "    assert get(mesotape.url, 'GET_STATE')[0] == 200\n"
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "*- mesotape -*",
            "no recorded answer: POST /api/v1, master call GET_STATE: *",
            "left out: exchange 2, scheduler call DECLINE: *",
            "held: stream 1 *wait* for DECLINE of framework f*",
        ]
    )


OPEN = "def test_it(framework):\n    assert event(framework) == 'SUBSCRIBED'\n    assert 0\n"
LEFT = (
    "def test_it(mesotape):\n"
    f"    with subscribed(mesotape.url, {SUBSCRIBE!r}, '/api/v1/scheduler') as answer:\n"
    "        assert event(answer) == 'ACCEPT'\n"
)


@pytest.mark.parametrize(("body", "state"), [(OPEN, "open"), (LEFT, "*")], ids=["open", "left"])
def test_a_failure_lists_streams_without_more_events(
    body: str, state: str, tested: Run, folder: Path
) -> None:
    events = [(0.0, SUBSCRIBED)]
    written(folder / "test_it.yaml", stream(1, 0.0, events, text=SUBSCRIBE, path=SCHEDULER))
    done = tested(FRAMEWORK + body)
    done.assert_outcomes(failed=1)
    line = f"stream 1 (exchange 1, client 1), 1 event sent, no more are recorded, {state}"
    done.stdout.fnmatch_lines(["*- mesotape -*", line])


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("pytest.skip('not today')", {"skipped": 1}),
        ("pytest.xfail('known')", {"xfailed": 1}),
        ("assert 0", {"failed": 1}),
    ],
)
def test_who_has_not_passed_is_told_once(tested: Run, body: str, outcome: dict[str, int]) -> None:
    done = tested(f"def test_it(mesotape):\n    get(mesotape.url, 'GET_STATE')\n    {body}\n")
    done.assert_outcomes(**outcome)


# Clients of all kinds.


def test_a_client_that_is_a_process_gets_the_environment(tested: Run) -> None:
    code = "from client import *; print(get(os.environ['MESOTAPE_URL'], 'GET_HEALTH')[0])"
    done = tested(
        "def test_it(mesotape):\n"
        "    before = dict(os.environ)\n"
        f"    command = [sys.executable, '-c', {code!r}]\n"
        "    for env in (None, mesotape.env):\n"
        "        assert subprocess.check_output(command, env=env) == b'200\\n'\n"
        "    assert os.environ == before\n"
        "def test_after(): assert 'MESOTAPE_URL' not in os.environ\n"
    )
    done.assert_outcomes(passed=2)


def test_an_asyncio_client_and_its_test_share_a_thread(tested: Run) -> None:
    done = tested(
        "import asyncio\n"
        "async def client(host, port):\n"
        "    reader, writer = await asyncio.open_connection(host, port)\n"
        "    writer.write(b'POST /api/v1 HTTP/1.1\\r\\nContent-Type: application/json\\r\\n')\n"
        '    writer.write(b\'Content-Length: 21\\r\\n\\r\\n{"type":"GET_HEALTH"}\')\n'
        "    line = await reader.readline()\n"
        "    writer.close()\n"
        "    await writer.wait_closed()\n"
        "    return line\n"
        "def test_it(mesotape):\n"
        "    async def main():\n"
        "        waiting = asyncio.to_thread(mesotape.await_call, 'GET_HEALTH')\n"
        "        line, call = await asyncio.gather(client(*mesotape.address), waiting)\n"
        "        assert (line, call.outcome) == (b'HTTP/1.1 200 OK\\r\\n', 'served')\n"
        "    asyncio.run(main())\n".replace("21", str(len(said("GET_HEALTH"))))
    )
    done.assert_outcomes(passed=1)


def test_the_marker_is_enough(tested: Run) -> None:
    done = tested(
        "import unittest\n"
        "@pytest.mark.mesotape('test_it.yaml')\n"
        "def test_function(): assert get(os.environ['MESOTAPE_URL'], 'GET_HEALTH')[0] == 200\n"
        "@pytest.mark.mesotape('test_it.yaml')\n"
        "class TestCase(unittest.TestCase):\n"
        "    def test_method(self): get(os.environ['MESOTAPE_URL'], 'GET_STATE')\n"
        "def test_without(): assert 'MESOTAPE_URL' not in os.environ\n"
    )
    done.assert_outcomes(passed=3, errors=1)


# Many at once.


def test_tests_run_in_parallel_and_again_from_one_cassette(
    pytester: pytest.Pytester, tested: Run, folder: Path
) -> None:
    before = (folder / "test_it.yaml").read_bytes()
    text = (
        "@pytest.mark.parametrize('number', range(24))\n"
        "@pytest.mark.mesotape('test_it.yaml')\n"
        "def test_it(mesotape, number):\n"
        "    get(mesotape.url, 'GET_STATE' if number % 8 == 0 else 'GET_HEALTH')\n"
    )
    tested(text).assert_outcomes(passed=24, errors=3)
    done = pytester.runpytest_subprocess("-n", "4", "-p", "no:hypothesispytest")
    done.assert_outcomes(passed=24, errors=3)
    assert (folder / "test_it.yaml").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["test_it.yaml"]


# The plugin itself.


def test_the_plugin_tells_of_itself(tested: Run) -> None:
    tested("", "--markers").stdout.fnmatch_lines(["@pytest.mark.mesotape(*cassettes, pace, *"])
    tested("", "--help").stdout.fnmatch_lines(
        ["*--mesotape-record={none,once,new_episodes,all}*", "*mesotape_upstream*"]
    )


def test_the_plugin_is_light() -> None:
    """All that costs time is imported by the fixture."""
    code = (
        "import pytest, sys, json\n"
        "before = set(sys.modules)\n"
        "import mesotape.proxy.plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["mesotape", "mesotape.proxy", "mesotape.proxy.plugin"]


def test_a_run_without_cassettes_imports_nothing_but_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    loaded = [name for name in sys.modules if name.startswith('mesotape.')]\n"
        "    assert sorted(loaded) == ['mesotape.proxy', 'mesotape.proxy.plugin']\n"
        "    assert not {'msgspec', 'yaml', 'google.protobuf', 'mitmproxy'} & set(sys.modules)\n"
    )
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


# Where a failure is shown.


WAITS = {
    "mesotape.await_call('SUBSCRIBE', timeout_seconds=0)": "TimeoutError: no call with *",
    "mesotape.await_call(cliet=1)": "TypeError: a call has no cliet; *",
    "mesotape.await_events(9, timeout_seconds=0)": "TimeoutError: 0 of 9 events were sent *",
    "mesotape.advance(9, timeout_seconds=0)": "TimeoutError: 0 of 9 events were sent; *",
    "mesotape.advance(events=-1)": "ValueError: *",
    "mesotape.hold(7)": "LookupError: *",
    "mesotape.release(7)": "LookupError: *",
    "mesotape.player.await_call('SUBSCRIBE', timeout_seconds=0)": "TimeoutError: *",
    "with Player(mesotape.cassettes[0]): pass": '*ReplayError: require="any": *',
    "player = Player(mesotape.cassettes[0], strict=False); player.close(); player.reset()": (
        "RuntimeError: the player is closed"
    ),
}


@pytest.mark.parametrize("waits", WAITS)
def test_what_does_not_come_is_shown_at_the_line_of_the_test(tested: Run, waits: str) -> None:
    done = tested(
        "from mesotape import Player\n"
        "@pytest.mark.mesotape(pace='step', strict=False)\n"
        f"def test_it(mesotape):\n    {waits}\n"
    )
    done.assert_outcomes(failed=1)
    text = done.stdout.str()
    shown = [line for line in text.splitlines() if line.startswith(("> ", "E  "))]
    assert shown[0] == f">       {waits}"
    done.stdout.fnmatch_lines([f"E*{WAITS[waits]}"])
    places = [line for line in text.splitlines() if re.match(r"\S+\.py:\d+: ", line)]
    assert [place.split(":")[0] for place in places] == ["test_it.py"]


def test_a_recording_has_no_replay_to_control_and_the_line_of_the_test_says_so(
    tested: Run, upstream: str
) -> None:
    done = tested(
        "def test_new(mesotape): mesotape.calls\n",
        "--mesotape-record=once",
        f"--mesotape-upstream={upstream}",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([">   def test_new(mesotape): mesotape.calls", "E*RuntimeError: *"])
    done.stdout.no_fnmatch_line("*session.py*")


# Where a cassette is.


@pytest.mark.parametrize("name", ["../shared.yaml", "../../shared.yaml", "{root}/shared.yaml"])
def test_a_shared_cassette_needs_no_folder_of_the_test(
    pytester: pytest.Pytester, tested: Run, folder: Path, name: str
) -> None:
    (folder / "test_it.yaml").unlink()
    folder.rmdir()
    name = name.format(root=pytester.path)
    shared = Path(os.path.normpath(folder / name))
    mark = f"@pytest.mark.mesotape({name!r})\n"
    text = f"{mark}def test_it(mesotape): get(mesotape.url, 'GET_HEALTH')\n"
    missing = tested(text)
    missing.assert_outcomes(errors=1)
    missing.stdout.fnmatch_lines(
        [
            f"there is no cassette {shared}",
            "    pytest test_it.py::test_it --mesotape-record=once *",
        ]
    )
    written(shared, HEALTH)
    tested(text).assert_outcomes(passed=1)
    assert not folder.exists()


def test_cassettes_that_no_test_records_are_recorded_by_the_command(tested: Run) -> None:
    done = tested("@pytest.mark.mesotape('a.yaml', 'b.yaml')\ndef test_it(mesotape): pass\n")
    done.stdout.fnmatch_lines(["    mesotape record http://* --output *a.yaml --overwrite"])


# Errors of the cassette.


@pytest.mark.parametrize("comments", [0, 60_000], ids=["examined", "too long to be examined"])
def test_an_event_that_is_not_json_is_named_with_its_place(
    tested: Run, folder: Path, comments: int
) -> None:
    path = written(folder / "test_it.yaml", stream(1, 0.0, [(0.1, SUBSCRIBED), (0.2, BEAT)]))
    before, _, after = path.read_text().partition(f"text: |-\n  {BEAT}\n")
    broken = f'json: |-\n  {{\n    "type": "HEARTBEAT"\n    "x": 1\n  }}\n{after}'
    path.write_text(before + broken + ("#" * 79 + "\n") * comments)
    done = tested(
        "import http.client\n"
        "def test_it(mesotape):\n"
        "    with pytest.raises((OSError, http.client.HTTPException)):\n"
        "        subscribed(mesotape.url).read()\n"
    )
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    first = before.count("\n") + 1
    places = rf"test_it\.yaml:({'|'.join(str(first + more) for more in range(-3, 6))}): "
    assert re.search(places + "event 2 of exchange 1: .*json", done.stdout.str()), done.stdout.str()
