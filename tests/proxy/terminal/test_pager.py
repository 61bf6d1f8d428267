import pytest

from mesotape.proxy.terminal import pager


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PAGER": "sh -c 'less -R'", "TERM": "xterm"}, ["sh", "-c", "less -R"]),
        ({"PAGER": "", "TERM": "xterm"}, []),
        ({"PAGER": "cat", "TERM": "xterm"}, []),
        ({"PAGER": "no-such-program", "TERM": "xterm"}, []),
        ({"PAGER": "sh", "TERM": "dumb"}, []),
        ({"PAGER": "sh"}, []),
    ],
)
def test_the_pager_is_that_of_the_environment(
    variables: dict[str, str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PAGER", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pager.pager_words() == words
