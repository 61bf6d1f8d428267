"""The options of the recorder in mitmproxy are those of `mesotape record`."""

import re
from typing import Any
from unittest import mock

import pytest
from mitmproxy import ctx, exceptions, options
from mitmproxy.addonmanager import Loader
from support.paths import ROOT

from mesotape.addons import recorder_options
from mesotape.cassettes.recording.writer_reports import WriterConfig
from mesotape.proxy.command_line.traffic import record
from mesotape.proxy.commands.record import OPTIONS

OF_THE_PROXY = {"--mode", "--set", "--keep-host", "--upstream-ca", "--client-cert", "--insecure"}
OF_THE_PROXY |= {"--listen", "--tls-cert", "--tls-key", "--ready-file", "--json"}
OF_THE_PROXY |= {"--end-with-parent", "--quiet"}
"""Options of the command that have no place in another program."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options of a mitmproxy with the recorder."""
    master = mock.Mock(options=options.Options())
    monkeypatch.setattr(ctx, "options", master.options, raising=False)
    monkeypatch.setattr(ctx, "master", master, raising=False)
    recorder_options.add_options(Loader(master))
    master.options.changed.connect(check)
    return master.options


def check(updated: set[str]) -> None:
    recorder_options.check_options(updated)


def test_both_lists_of_options_agree(settings: Any) -> None:
    declared = {name for name, _ in settings.items() if name.startswith("mesotape_")}
    assert declared == set(OPTIONS)
    words = {word for words in OPTIONS.values() for word in words.split(" or ")}
    known = {word for param in record.params for word in param.opts if word.startswith("--")}
    assert known - OF_THE_PROXY == words
    for name, word in OPTIONS.items():
        if name not in ("mesotape_cassette", "mesotape_existing"):
            assert word == name.replace("mesotape_", "--").replace("_", "-")


def test_they_are_documented(settings: Any) -> None:
    rows = re.findall(r"(?m)^\| `(mesotape_\w+)` ", (ROOT / "docs/mitmproxy.md").read_text())
    assert set(OPTIONS) <= set(rows)


def test_they_reach_the_writer(settings: Any) -> None:
    assert recorder_options.writer_config() == WriterConfig(
        path=".", server="master", upstream="regular"
    )
    settings.set(
        "mesotape_cassette=c.yaml",
        "mesotape_max_events=7",
        "mesotape_max_size=500000",
        "mesotape_min_free=1000",
        "mesotape_flush_interval=0.5",
        "mesotape_sync=always",
        "mesotape_max_body=2000",
    )
    assert recorder_options.writer_config() == WriterConfig(
        path="c.yaml",
        server="master",
        upstream="regular",
        max_events=7,
        max_size=500_000,
        min_free=1000,
        flush_seconds=0.5,
        sync="always",
        max_body_bytes=2000,
    )


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("mesotape_sync=often", "mesotape_sync is 'often', expected never or end or always"),
        ("mesotape_duration=soon", "mesotape_duration is 'soon', expected a number of seconds"),
        ("mesotape_duration=-1", "mesotape_duration is '-1', expected a number of seconds"),
        ("mesotape_duration=nan", "mesotape_duration is 'nan', expected a number of seconds"),
        ("mesotape_flush_interval=61", "mesotape_flush_interval is '61', expected"),
        ("mesotape_flush_interval=", "mesotape_flush_interval is '', expected"),
        ("mesotape_max_events=0", "mesotape_max_events is 0, expected a number from 1 on"),
        ("mesotape_max_size=-5", "mesotape_max_size is -5, expected a number from 1 on"),
    ],
)
def test_a_wrong_value_is_refused(settings: Any, setting: str, text: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=re.escape(text)):
        settings.set(setting)
