"""What a test requires of its cassette, and proxies in its environment, by real runs of pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written

pytest_plugins = ["pytester", "support.pytest_runs"]

KINDS = ("GET_HEALTH", "GET_STATE")
type Run = Callable[..., pytest.RunResult]


@pytest.fixture
def recorded(folder: Path) -> Path:
    calls = [call(n, 0.1 * n, said(kind), said(kind)) for n, kind in enumerate(KINDS, 1)]
    return written(folder / "test_it.yaml", *calls)


def test(marker: str, *kinds: str) -> str:
    calls = "".join(f"    get(mesotape.url, '{kind}')\n" for kind in kinds)
    return f"@pytest.mark.mesotape({marker})\ndef test_it(mesotape):\n    pass\n{calls}"


test.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize(
    ("marker", "kinds", "text"),
    [
        ("", [], 'require="any": no exchange was used: no requests arrived'),
        ("", ["GET_HEALTH"], None),
        ("require='none'", [], None),
        ("strict=False", [], None),
        ("require='all'", ["GET_HEALTH"], 'require="all": 1 exchange not used'),
        ("require='all'", KINDS, None),
        ("require='GET_STATE'", ["GET_HEALTH"], 'require="GET_STATE": 1 exchange not used'),
        ("require=['GET_STATE', 'GET_HEALTH']", ["GET_STATE"], 'require="GET_STATE,GET_HEALTH": *'),
        ("require=['GET_STATE']", ["GET_STATE"], None),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_a_test_fails_that_did_not_use_what_it_requires(
    tested: Run, marker: str, kinds: list[str], text: str | None
) -> None:
    done = tested(test(marker, *kinds))
    done.assert_outcomes(passed=1, errors=text is not None)
    if text is not None:
        done.stdout.fnmatch_lines([text, "  not used: exchange *, master call GET_*, *.yaml:*"])


@pytest.mark.parametrize(
    ("layers", "errors"),
    [
        ({"ini": "none"}, 0),
        ({"ini": "none", "option": "any"}, 1),
        ({"ini": "any", "option": "none"}, 0),
        ({"option": "none", "config": "any"}, 1),
        ({"option": "any", "config": "none"}, 0),
        ({"config": "none", "marker": "any"}, 1),
        ({"option": "any", "config": "any", "marker": "none"}, 0),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_marker_config_option_and_ini_decide_in_this_order(
    pytester: pytest.Pytester, tested: Run, layers: dict[str, str], errors: int
) -> None:
    if "ini" in layers:
        pytester.makeini(f"[pytest]\nmesotape_require = {layers['ini']}")
    if "config" in layers:
        pytester.makeconftest(
            "import pytest\n@pytest.fixture\n"
            f"def mesotape_config(): return {{'require': {layers['config']!r}}}\n"
        )
    options = [f"--mesotape-require={layers['option']}"] if "option" in layers else []
    marker = f"require={layers['marker']!r}" if "marker" in layers else ""
    tested(test(marker), *options).assert_outcomes(passed=1, errors=errors)


@pytest.mark.parametrize(
    ("marker", "options", "text"),
    [
        ("require='GET_STAET'", [], "@pytest.mark.mesotape: require GET_STAET: * GET_STATE?); *"),
        ("require=3", [], "@pytest.mark.mesotape: require: Expected `str | array`, got `int`"),
        ("require='GET_ROLES'", [], "cannot play: require GET_ROLES: the recording has no such *"),
        ("", ["--mesotape-require=alll"], "--mesotape-require: require alll: * mean all?); *"),
        ("", ["-o", "mesotape_require=alll"], "mesotape_require: require alll: * mean all?); *"),
    ],
)
@pytest.mark.usefixtures("recorded")
def test_what_cannot_be_required_is_an_error_at_the_start(
    tested: Run, marker: str, options: list[str], text: str
) -> None:
    done = tested(test(marker), *options)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([text])


@pytest.mark.usefixtures("recorded")
def test_a_failed_test_is_not_told_that_it_used_nothing(tested: Run) -> None:
    done = tested("def test_it(mesotape): assert 0")
    done.assert_outcomes(failed=1)
    done.stdout.no_fnmatch_line("*require=*")


def test_a_test_that_records_requires_nothing(tested: Run, folder: Path, upstream: str) -> None:
    text = "def test_it(mesotape): pass\ndef test_new(mesotape): pass\n"
    for mode in ("new_episodes", "all"):
        options = (f"--mesotape-record={mode}", f"--mesotape-upstream={upstream}")
        tested(text, *options).assert_outcomes(passed=2)


@pytest.mark.usefixtures("recorded")
def test_a_proxy_does_not_get_the_requests_of_a_test(
    tested: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "corp")
    monkeypatch.delenv("no_proxy", raising=False)
    code = "from client import *; print(get(os.environ['MESOTAPE_URL'], 'GET_STATE')[0])"
    done = tested(
        "before = dict(os.environ)\n"
        "def test_it(mesotape):\n"
        "    assert os.environ['NO_PROXY'].startswith('corp,127.0.0.1,')\n"
        "    assert os.environ['no_proxy'] == os.environ['NO_PROXY'] == mesotape.env['no_proxy']\n"
        "    assert get(mesotape.url, 'GET_HEALTH')[0] == 200\n"
        f"    command = [sys.executable, '-c', {code!r}]\n"
        "    assert subprocess.check_output(command, env=mesotape.env) == b'200\\n'\n"
        "def test_after():\n"
        "    ignored = {'PYTEST_CURRENT_TEST': ''}\n"
        "    assert before | ignored == os.environ | ignored\n"
    )
    done.assert_outcomes(passed=2)
