import pytest

from mesotape.proxy.commands.console import CommandError
from mesotape.proxy.inspect import sources


def test_an_endless_device_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SEARCHED_BYTES", 1 << 20)
    with pytest.raises(CommandError, match=r"^/dev/zero: expected a cassette, a stream of rec"):
        list(sources.rows("/dev/zero", sources.SourceHints()))
