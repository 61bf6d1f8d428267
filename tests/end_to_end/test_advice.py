"""What a message advises works where it is printed: on the command line, in Python, in pytest."""

import ast
import contextlib
import re
import shlex
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.advice import ADVISED, HEALTH, READ, Advised
from support.cassette_builder import said, stream, written
from support.commands import run, running
from support.paths import ROOT

from mesotape import Options, Player, Stepped
from mesotape.cassettes.matching.advice import COMMAND, PLAYER, Setting, as_keyword
from mesotape.proxy.control.verdict import ReplayError

pytest_plugins = ["pytester", "support.pytest_runs"]

EXAMPLE = "http://master.example:5050"
EACH = [(name, setting) for name, each in ADVISED.items() for setting in each.settings]
each_setting = pytest.mark.parametrize(
    ("name", "setting"), EACH, ids=[f"{name}: {as_keyword(setting)}" for name, setting in EACH]
)


def send(url: str, sent: Sequence[str]) -> None:
    """Send calls as JSON, and targets by GET."""
    for each in sent:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        is_call = each.startswith("{")
        request = (
            urllib.request.Request(f"{url}/api/v1", each.encode(), headers)
            if is_call
            else urllib.request.Request(url + each)
        )
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            error.close()


# The same advice, three times.


def replayed(cassette: Path, case: Advised, options: Sequence[str]) -> tuple[int | None, str]:
    with running("replay", cassette, *options) as command:
        send(command.url, case.sent)
        command.stop()
    return command.code, command.said


@each_setting
def test_the_option_that_a_replay_advises_mends_it(
    name: str, setting: Setting, tmp_path: Path
) -> None:
    case, option = ADVISED[name], COMMAND.write(setting)
    cassette = written(tmp_path / "c.yaml", *case.recorded)
    given = [
        word
        for key, value in case.given.items()
        for word in shlex.split(COMMAND.write(Setting(key, tuple(listed(value)))))
    ]
    code, text = replayed(cassette, case, given)
    assert code != 0
    assert option in text
    assert replayed(cassette, case, [*given, *shlex.split(option)])[0] == 0


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def played(cassette: Path, case: Advised, arguments: dict[str, Any]) -> None:
    mine = {key: arguments[key] for key in ("require", "clock") if key in arguments}
    options = Options(**{key: value for key, value in arguments.items() if key not in mine})
    with Player(cassette, options, **mine) as player:
        send(player.url, case.sent)


def arguments_of(text: str) -> dict[str, Any]:
    """Return the arguments that an advice for `Player` has, like `Options(rebind=True)`."""
    return eval(re.sub(r"^(Options)?\(?(.*?)\)?$", r"dict(\2)", text), {"Stepped": Stepped})


@each_setting
def test_the_argument_that_a_player_advises_mends_it(
    name: str, setting: Setting, tmp_path: Path
) -> None:
    case, argument = ADVISED[name], PLAYER.write(setting)
    cassette = written(tmp_path / "c.yaml", *case.recorded)
    with pytest.raises(ReplayError) as failed:
        played(cassette, case, dict(case.given))
    assert argument in str(failed.value)
    played(cassette, case, {**case.given, **arguments_of(argument)})


@each_setting
def test_the_keyword_that_a_test_advises_mends_it(
    name: str, setting: Setting, tested: Any, folder: Path
) -> None:
    case, keyword = ADVISED[name], as_keyword(setting)
    written(folder / "c.yaml", *case.recorded)
    sends = "".join(
        f"    ask(mesotape.url, {each!r})\n"
        if each.startswith("{")
        else f"    urllib.request.urlopen(mesotape.url + {each!r}, timeout=60).close()\n"
        for each in case.sent
    )

    def marked(keywords: dict[str, Any]) -> pytest.RunResult:
        mark = f"@pytest.mark.mesotape('c.yaml', **{keywords!r})\n"
        return tested(f"{mark}def test_it(mesotape):\n    pass\n{sends}")

    failed = marked(dict(case.given))
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    assert keyword in failed.stdout.str()
    assert "--" + setting.name not in failed.stdout.str()
    marked({**case.given, **eval(f"dict({keyword})")}).assert_outcomes(passed=1)


@pytest.fixture
def cluster() -> Iterator[str]:
    sample = ROOT / "cassettes" / "samples" / "master.yaml"
    with Player(sample, require="none", strict=False) as player:
        yield player.url


@pytest.mark.parametrize("sent", ["GET_AGENTS", "READ_FILE"], ids=["missing", "differs"])
def test_the_command_that_records_a_miss_records_it(
    sent: str, cluster: str, tmp_path: Path
) -> None:
    cassette = written(tmp_path / "it's.yaml", READ)
    message = said(sent) if sent != "READ_FILE" else said(sent, read_file={"offset": 1})
    case = Advised([], [message], [])
    code, text = replayed(cassette, case, [])
    assert code == 3
    words = shlex.split(text.partition("to record: ")[2].partition("\n")[0])
    assert words[:2] == ["mesotape", "record"]
    with running(*(word.replace(EXAMPLE, cluster) for word in words[1:])) as recorder:
        send(recorder.url, case.sent)
    assert replayed(cassette, case, [])[0] == 0


@pytest.mark.parametrize("name", ["test_it", "test_new"])
def test_the_run_of_pytest_that_records_records(
    name: str, cluster: str, tested: Any, folder: Path, pytester: pytest.Pytester
) -> None:
    text = f"def test_it(): pass\ndef {name}(mesotape):\n    get(mesotape.url, 'GET_AGENTS')\n"
    failed = tested(text)
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    pattern = re.compile(r"^ *(?:to record: )?(pytest test_it.py::.*)$", re.MULTILINE)
    (line,) = pattern.findall(failed.stdout.str())
    words = shlex.split(line.replace(EXAMPLE, cluster))[1:]
    pytester.runpytest_inprocess("-p", "no:cacheprovider", *words).assert_outcomes(passed=1)
    tested(text).assert_outcomes(passed=1 + (name != "test_it"))


def test_the_run_of_pytest_is_as_seen_from_where_pytest_was_started(
    tested: Any, folder: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested("def test_other(): pass")
    inner = pytester.mkdir("inner")
    monkeypatch.chdir(inner)
    (pytester.path / "test_it.py").write_text("def test_new(mesotape): pass\n")
    failed = pytester.runpytest_inprocess("-p", "no:cacheprovider", str(pytester.path))
    failed.stdout.fnmatch_lines(["    pytest ../test_it.py::test_new --mesotape-record=once *"])


# Advice of the commands about themselves. `{busy}` is an address that is taken.


COMMANDS = {
    "record -o c.yaml http://127.0.0.1:9": ("--overwrite", "--append"),
    "record -o new.yaml http://127.0.0.1:9 --listen {busy}": ("--listen 127.0.0.1:0",),
    "record -o new.yaml --mode regular@{busy}": ("--mode regular@127.0.0.1:0",),
    "replay c.yaml --listen {busy}": ("--listen 127.0.0.1:0",),
    "replay c.yaml --control {busy}": ("--control 127.0.0.1:0",),
    "record -o c.yaml http://127.0.0.1:9 --append --server agent": ("--server master",),
    "replay c.yaml --pace step": ("--control 127.0.0.1:0",),
}


@pytest.mark.parametrize(
    ("command", "option"), [(each, option) for each, all_ in COMMANDS.items() for option in all_]
)
def test_the_option_that_a_command_advises_makes_it_run(
    command: str, option: str, tmp_path: Path
) -> None:
    written(tmp_path / "c.yaml", HEALTH)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = command.format(busy=f"127.0.0.1:{taken.getsockname()[1]}").split()
        refused = run(*words, cwd=tmp_path)
        assert refused.returncode in (1, 2)
        assert option in refused.stderr
        name, value = option.partition(" ")[::2]
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += option.split()
        with running(*words, cwd=tmp_path) as command_:
            assert command_.url
    assert command_.code == 0


def test_the_address_of_a_cassette_that_is_taken_is_changed_where_it_was_given(
    tmp_path: Path,
) -> None:
    written(tmp_path / "c.yaml", HEALTH)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = run("replay", f"c.yaml={busy}", cwd=tmp_path)
    assert refused.stderr.endswith("; CASSETTE=127.0.0.1:0 takes a free port\n")
    with running("replay", "c.yaml=127.0.0.1:0", cwd=tmp_path) as command:
        assert command.url


OTHERS = {
    "replay 'a b.yaml'": ("mesotape validate --fix 'a b.yaml'", 0),
    "inspect 'none of ours.yaml'": ("mesotape validate 'none of ours.yaml'", 5),
    "replay c.yaml --fault qqq": ("mesotape replay --list-faults", 0),
    "replay c.yaml --pase step": ("replay --help", 0),
}
"""Commands, with the command that their message names, and its exit code."""


@pytest.mark.parametrize("command", OTHERS)
def test_the_command_that_a_message_names_runs(command: str, tmp_path: Path) -> None:
    written(tmp_path / "c.yaml", HEALTH)
    written(tmp_path / "a b.yaml", HEALTH, HEALTH)
    (tmp_path / "none of ours.yaml").write_text("a: b\n")
    named, code = OTHERS[command]
    done = run(*shlex.split(command), cwd=tmp_path)
    assert done.returncode != 0
    assert named in done.stderr
    followed = run(*shlex.split(named.removeprefix("mesotape ")), cwd=tmp_path)
    assert (followed.returncode, bool(followed.stdout)) == (code, True)


TOOLS = {
    "cut c.yaml -o d.yaml": ("give --since, --until, --party or another", "--until 9"),
    "cut two.yaml -o d.yaml --first-state --until 9": ("--first-state: give", "--since 1"),
    "export c.yaml -o d.xyz": (", or --format", "--format har"),
    "export two.yaml -o d.recordio": ("choose one of 1, 2 with --exchange", "--exchange 1"),
    "import c.txt -o d.yaml": ("--format names the format", "--format har"),
    "query c.yaml 'SELECT * FROM read_csv(\"x.csv\")'": (
        "--external-access permits it",
        "--external-access",
    ),
}
"""Commands for written cassettes, with what their message advises, and the words to add."""


@pytest.mark.parametrize("command", TOOLS)
def test_the_option_that_a_tool_advises_makes_it_run(command: str, tmp_path: Path) -> None:
    beat = '{"type":"HEARTBEAT"}'
    written(tmp_path / "c.yaml", HEALTH)
    written(tmp_path / "two.yaml", stream(1, 0, [(0, beat)]), stream(2, 5, [(6, beat)]))
    (tmp_path / "c.txt").write_text('{"a":1,"log":{"version":"1.2","entries":[]}}')
    (tmp_path / "x.csv").write_text("a\n1\n")
    advised, added = TOOLS[command]
    refused = run(*shlex.split(command), cwd=tmp_path)
    assert refused.returncode in (1, 2)
    assert advised in refused.stderr
    done = run(*shlex.split(command), *added.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ("mesotape_server=agent", "--server agent"),
        ("mesotape_only_v1=true", "--only-v1"),
        ("mesotape_fail_closed=true", "--fail-closed"),
        ("mesotape_existing=append", "--append"),
    ],
)
def test_a_setting_of_the_addon_has_an_option(setting: str, option: str, tmp_path: Path) -> None:
    command = ["record", "http://127.0.0.1:9", "-o", "new.yaml"]
    done = run(*command, "--set", setting, cwd=tmp_path)
    assert option.split()[0] in done.stderr
    with running(*command, *option.split(), cwd=tmp_path) as recorder:
        assert recorder.url


# Controls of a replay.


@pytest.mark.parametrize("by", [{}, {"seconds": 1.0}, {"events": 1}])
def test_what_advance_needs_is_an_argument_of_player(by: dict[str, Any], tmp_path: Path) -> None:
    cassette = written(tmp_path / "c.yaml", stream(1, 0.0, []))
    with (
        Player(cassette, strict=False) as player,
        pytest.raises(ValueError, match="advance: expected ") as raised,
    ):
        player.advance(**by)
    advised = str(raised.value).removeprefix("advance: expected ").split(" or ")
    assert len(advised) == 1 + ("seconds" in by)
    for text in advised:
        arguments = arguments_of(text)
        clock = {"clock": arguments.pop("clock")} if "clock" in arguments else {}
        with (
            Player(cassette, Options(**arguments), strict=False, **clock) as player,
            contextlib.suppress(TimeoutError),  # There is no event.
        ):
            player.advance(**by, timeout_seconds=0)


# Nothing is forgotten.


NO_ADVICE = (
    "--fault '[CALL",  # The syntax of faults.
    "--set {}: expected NAME=VALUE",
    "--message: ",  # It lists what it takes.
    "--set {}: mitmproxy has no such option",
    "--no-redact: ",
    "mesotape record has no console",  # The other places of options of mitmproxy.
    "mesotape record prints ",
    "use mesotape replay",
    "read by mesotape inspect",
    "mesotape record did not start",
    "mesotape record ended with code",
    "### mesotape replay: ",  # A title.
    "as `mesotape inspect` and `validate` name it",  # A description of a column.
    "--request {}: expected",  # Options that are wrong themselves.
    "--exchange is for",
    "--json and --csv exclude",
    "--json and --format {} exclude",
    "--git is for git",
    "one cassette with --against",
    "--workers {}: {}",
    "is no receipt of mesotape replay",
    "expected both --upstream URL and --record-misses",
    "--upstream {}",
    "--record-misses: ",
    "{} needs --record-misses",
    "expected --watch or {}, not both",
    "--watch: {} is not a file",
)
TESTED_ELSEWHERE = {
    "pip install -e .": "its place is the folder, which a test has not",
    "pip install -U ": "test_doctor.py",
    "pip install 'mesotape[cloud]'": "test_object_store.py",
    "pip install 'mesotape[query]'": "test_query.py: the package is blocked there",
    "mesotape inspect lists the streams": "it lists what a cassette has, in many tests",
    "--upstream URL keeps": "test_one_of_several_servers_is_asked_for",
    "--csv or --json prints all": "test_a_table_ends_after_many_rows_and_says_so",
    "--workers: ": "test_workers.py",
    "give --since": "test_the_option_that_a_tool_advises_makes_it_run",
    "in {}, or --format": "test_the_option_that_a_tool_advises_makes_it_run",
    "with --exchange": "test_the_option_that_a_tool_advises_makes_it_run",
    "--format names": "test_the_option_that_a_tool_advises_makes_it_run",
    "--external-access": "test_the_option_that_a_tool_advises_makes_it_run",
    "--max-body": "test_record_bounds.py",
    "--max-head": "test_head_limits.py",
    "Play it:": "test_demo.py",
    " --fix": "validate --fix, in a table",
    "run mesotape validate{} {}": "validate --fix, in a table",
    "{} --help": "replay --help, in a table",
    "--set {}: {}": "test_a_setting_of_the_addon_has_an_option",
    "pip install 'mesotape[record]'": "test_bad_input.py: the package is blocked there",
    "--stay": "test_replay_command.py",
    "--tls-cert": "test_tls.py",
    "mesotape record URL --output": "test_the_command_that_records_a_miss_records_it",
    "--mesotape-record": "test_the_run_of_pytest_that_records_records",
    "--mesotape-upstream": "test_the_run_of_pytest_that_records_records",
    "--output": "a row of a table: test_a_setting_of_the_addon_has_an_option",
}
NAMES_AN_OPTION = re.compile(
    r"(?:(?<![\w-])--[a-z][\w-]+|mesotape (?:record|replay|validate|inspect)|pip install)"
)
DECLARES = {"option", "addoption", "add_option", "addini"}
"""Calls that declare an option instead of advising one."""


def templates() -> Iterator[tuple[str, str]]:
    """Yield the file and the text of each message that names an option or a command."""
    for folder in ("proto", "cassettes", "addons", "proxy"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in texts(ast.parse(path.read_text())):
                if NAMES_AN_OPTION.search(text) and " " in text:
                    yield str(path.relative_to(ROOT)), text


def texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in DECLARES:
            return
        case ast.Expr(value=ast.Constant()):  # A docstring.
            return
        case ast.keyword(arg="examples"):  # test_command_help.py parses them.
            return
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in values)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts(child)


def test_every_message_that_names_an_option_is_in_a_table() -> None:
    tested = [
        *(option for options in COMMANDS.values() for option in options),
        *(named for named, _ in OTHERS.values()),
        *(f"--{setting.name}" for _, setting in EACH),
    ]
    names = [
        *NO_ADVICE,
        *TESTED_ELSEWHERE,
        *(re.sub(r"^(--[\w-]+).*", r"\1", each) for each in tested),
    ]
    missing = [
        (path, text) for path, text in templates() if not any(name in text for name in names)
    ]
    assert missing == []
