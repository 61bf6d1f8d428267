"""The report of cassettes and exchanges that no test of a run used, by real runs of pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written

pytest_plugins = ["pytester", "support.pytest_runs"]

type Run = Callable[..., pytest.RunResult]

KINDS = ("GET_HEALTH", "GET_STATE", "GET_ROLES")
CALLS = [call(n, 0.1 * n, said(kind), said(kind)) for n, kind in enumerate(KINDS, 1)]
USES = "def test_it(mesotape): get(mesotape.url, 'GET_HEALTH')\n"
USES_REST = (
    "@pytest.mark.mesotape('test_it.yaml')\n"
    "def test_rest(mesotape):\n"
    "    for kind in ('GET_STATE', 'GET_ROLES'): get(mesotape.url, kind)\n"
)
TITLE = "*- unused cassettes -*"
OF_IT = [
    "cassettes/test_it/test_it.yaml: 2 of 3 exchanges were not used",
    "  exchange 2, master call GET_STATE, cassettes/test_it/test_it.yaml:*",
    "  exchange 3, master call GET_ROLES, cassettes/test_it/test_it.yaml:*",
]
OF_OLD = "cassettes/test_it/test_old.yaml: no test used it"
PARTIAL = "not checked, because only some tests may have run: *"


@pytest.fixture
def cassettes(folder: Path) -> Path:
    """The folder of test_it.py, with a cassette of three exchanges, one old, and other files."""
    written(folder / "test_it.yaml", *CALLS)
    written(folder / "test_old.yaml", *CALLS)
    written(folder / "test_it.failed.yaml", *CALLS)
    written(folder / ".hidden.yaml", *CALLS)
    (folder / "other.yaml").write_text("services: {}\n")
    (folder / "empty.yaml").write_text("")
    return folder


def told(done: pytest.RunResult) -> list[str]:
    """Return the lines of the section."""
    lines = done.outlines
    title = next((n for n, line in enumerate(lines) if " unused cassettes " in line), None)
    if title is None:
        return []
    rest = lines[title + 1 :]
    end = next(n for n, line in enumerate(rest) if line.startswith(("=", "-")))
    return [line for line in rest[:end] if line]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--mesotape-unused=report"], pytest.ExitCode.OK),
        (["--mesotape-unused=fail"], pytest.ExitCode.TESTS_FAILED),
        (["-o", "mesotape_unused=fail"], pytest.ExitCode.TESTS_FAILED),
        (["-o", "mesotape_unused=fail", "--mesotape-unused=report"], pytest.ExitCode.OK),
    ],
)
@pytest.mark.parametrize("workers", [[], ["-n", "2", "-p", "no:hypothesispytest"]])
@pytest.mark.usefixtures("cassettes")
def test_cassettes_and_exchanges_that_no_test_used_are_listed(
    pytester: pytest.Pytester, tested: Run, options: list[str], code: int, workers: list[str]
) -> None:
    done = tested(USES, *options, *workers)
    assert done.ret == code
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines([TITLE, *OF_IT, OF_OLD], consecutive=True)
    assert len(told(done)) == 4


@pytest.mark.parametrize("workers", [[], ["-n", "2", "-p", "no:hypothesispytest"]])
def test_what_any_test_used_is_used(tested: Run, cassettes: Path, workers: list[str]) -> None:
    (cassettes / "test_old.yaml").unlink()
    done = tested(USES + USES_REST, "--mesotape-unused=fail", *workers)
    done.assert_outcomes(passed=2)
    assert (done.ret, told(done)) == (0, [])


@pytest.mark.usefixtures("cassettes")
def test_the_report_is_off_by_default(tested: Run) -> None:
    assert told(tested(USES)) == []


@pytest.mark.parametrize(
    "selection",
    [
        ["-k", "test_rest"],
        ["-m", "not slow"],
        ["test_it.py::test_it"],
        ["--lf"],
        ["--deselect", "test_it.py::test_rest"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("workers", [[], ["-n", "1", "-p", "no:hypothesispytest"]])
@pytest.mark.usefixtures("cassettes")
def test_a_run_of_some_tests_says_so_and_does_not_fail(
    pytester: pytest.Pytester, folder: Path, selection: list[str], workers: list[str]
) -> None:
    slow = f"from client import *\n{USES}@pytest.mark.slow\n{USES_REST}"
    pytester.makepyfile(test_it=slow)
    pytester.makeini("[pytest]\nmarkers = slow")
    words = [*selection, "--mesotape-unused=fail", *workers]
    done = pytester.runpytest_inprocess(*words)
    assert done.ret == 0
    done.stdout.fnmatch_lines([TITLE, PARTIAL])
    assert len(told(done)) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"test_bad.py": "import no_such_module\n"},
        {"test_skip.py": "import pytest\npytest.skip(allow_module_level=True)\n"},
    ],
    ids=lambda files: next(iter(files)),
)
@pytest.mark.usefixtures("cassettes")
def test_a_module_that_was_not_collected_makes_a_run_partial(
    pytester: pytest.Pytester, tested: Run, others: dict[str, str]
) -> None:
    for name, text in others.items():
        (pytester.path / name).write_text(text)
    options = ("--mesotape-unused=fail", "--continue-on-collection-errors")
    done = tested(USES, *options)
    done.stdout.fnmatch_lines([TITLE, f"{PARTIAL}{next(iter(others))} was not collected"])


@pytest.mark.usefixtures("cassettes")
def test_a_run_that_was_stopped_is_partial(tested: Run) -> None:
    done = tested("def test_a(): assert 0\n" + USES, "-x", "--mesotape-unused=report")
    done.stdout.fnmatch_lines([TITLE, f"{PARTIAL}the run was stopped"])


def test_a_file_is_judged_by_the_cassettes_of_its_folder(
    pytester: pytest.Pytester, tested: Run, cassettes: Path
) -> None:
    written(cassettes.parent / "shared.yaml", *CALLS)
    other = cassettes.parent / "test_other"
    other.mkdir()
    written(other / "test_other.yaml", *CALLS)
    (pytester.path / "test_other.py").write_text(f"from client import *\n{USES}")
    done = tested(USES, "test_it.py", "--mesotape-unused=report")
    assert [line for line in told(done) if not line.startswith(" ")] == [OF_IT[0], OF_OLD]
    done = tested(USES, "--ignore=test_other.py", "--mesotape-unused=report")
    assert "cassettes/shared.yaml: no test used it" in told(done)
    assert not [line for line in told(done) if "test_other" in line]


def test_folders_of_the_command_line_are_judged_alone(
    pytester: pytest.Pytester, folder: Path
) -> None:
    pytester.syspathinsert()
    for name in ("a", "b"):
        path = pytester.mkdir(name)
        (path / f"test_{name}.py").write_text(f"from client import *\n{USES}")
        (path / "cassettes" / f"test_{name}").mkdir(parents=True)
        written(path / "cassettes" / f"test_{name}" / "test_it.yaml", CALLS[0])
        written(path / "cassettes" / f"test_{name}" / "old.yaml", CALLS[0])
    assert told(pytester.runpytest_inprocess("a", "--mesotape-unused=report")) == [
        "a/cassettes/test_a/old.yaml: no test used it"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "@pytest.mark.skip\ndef test_old(mesotape): pass\n",
        "@pytest.mark.skip\n@pytest.mark.mesotape('test_old.yaml')\ndef test_other(): pass\n",
        "def test_old(mesotape): pytest.skip('not today')\n",
        "def test_old(mesotape): assert 0\n",
        "@pytest.fixture\ndef broken(): raise OSError\ndef test_old(broken, mesotape): pass\n",
    ],
)
@pytest.mark.usefixtures("cassettes")
def test_the_cassettes_of_tests_that_did_not_run_to_their_end_are_not_listed(
    tested: Run, text: str
) -> None:
    lines = told(tested(USES + text, "--mesotape-unused=report"))
    assert lines[0] == OF_IT[0]
    assert not [line for line in lines if "test_old" in line]


def test_folders_and_names_of_fixtures_count(
    pytester: pytest.Pytester, tested: Run, folder: Path
) -> None:
    tapes = pytester.mkdir("tapes")
    written(tapes / "IT.yaml", CALLS[0])
    written(tapes / "GONE.yaml", CALLS[0])
    (folder / "test_it.yaml").unlink()
    pytester.makeconftest(
        "import pytest\n"
        "@pytest.fixture\n"
        "def mesotape_cassette_dir(request): return request.config.rootpath / 'tapes'\n"
        "@pytest.fixture\n"
        "def mesotape_cassette_name(request): return request.node.name[5:].upper() + '.yaml'\n"
    )
    done = tested(USES, "--mesotape-unused=report")
    assert told(done) == ["tapes/GONE.yaml: no test used it"]
    skipped = "@pytest.mark.skip\ndef test_gone(mesotape): pass\n"
    done = tested(USES + skipped, "--mesotape-unused=fail")
    assert done.ret == 0
    done.stdout.fnmatch_lines([TITLE, f"{PARTIAL}a test that did not run may use any cassette"])


def test_an_exchange_that_was_used_before_a_reset_is_used(tested: Run, folder: Path) -> None:
    written(folder / "test_it.yaml", CALLS[0])
    done = tested(USES.rstrip("\n") + "; mesotape.reset()\n", "--mesotape-unused=report")
    assert told(done) == []


def test_a_recorded_cassette_is_used(tested: Run, folder: Path, upstream: str) -> None:
    text = "def test_it(mesotape): get(mesotape.url, 'GET_AGENTS')\n"
    options = ("--mesotape-record=all", f"--mesotape-upstream={upstream}")
    assert told(tested(text, *options, "--mesotape-unused=report")) == []


def test_a_run_without_cassettes_tells_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    done = pytester.runpytest_inprocess("--mesotape-unused=fail")
    assert (done.ret, told(done)) == (0, [])
    assert told(pytester.runpytest_inprocess("--collect-only", "--mesotape-unused=fail")) == []


def test_an_unknown_mode_is_refused(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("-o", "mesotape_unused=maybe", "-p", "no:hypothesispytest")
    done.stderr.fnmatch_lines(["*mesotape_unused is 'maybe', expected one of off, report, fail"])
