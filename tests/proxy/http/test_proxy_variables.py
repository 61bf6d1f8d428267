"""Proxies in the environment: what clients get, and when they go to one."""

import httpx
import pytest

from mesotape.proxy.http.proxy_variables import detour, direct_variables, proxy_variable

HTTP = "http://127.0.0.1:5050"
LOCAL = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, (LOCAL, LOCAL)),
        ({"no_proxy": "", "NO_PROXY": " "}, (LOCAL, LOCAL)),
        ({"no_proxy": "corp"}, (f"corp,{LOCAL}", f"corp,{LOCAL}")),
        ({"NO_PROXY": "corp, .example"}, (f"corp, .example,{LOCAL}", f"corp, .example,{LOCAL}")),
        ({"no_proxy": "a", "NO_PROXY": "b"}, (f"a,{LOCAL}", f"b,{LOCAL}")),
        ({"no_proxy": "corp,"}, (f"corp,{LOCAL}", f"corp,{LOCAL}")),
        ({"no_proxy": "*"}, ("*", "*")),
        ({"no_proxy": "*", "NO_PROXY": "b"}, ("*", f"b,{LOCAL}")),
        (
            {"no_proxy": "localhost, 127.0.0.1"},
            ("localhost, 127.0.0.1,::1", "localhost, 127.0.0.1,::1"),
        ),
    ],
)
def test_both_variables_keep_their_hosts_and_get_those_of_the_replay(
    before: dict[str, str], after: tuple[str, str]
) -> None:
    variables = direct_variables(before, [HTTP])
    assert (variables["no_proxy"], variables["NO_PROXY"]) == after
    assert direct_variables(variables, [HTTP]) == variables


def test_httpx_can_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in direct_variables({}, [HTTP]).items():
        monkeypatch.setenv(name, value)
    httpx.Client().close()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://0.0.0.0:80", ",0.0.0.0"),
        ("http://Master.example:80", ",master.example"),
        ("https://[fe80::1]:5050", ",fe80::1,[fe80::1]"),
        ("http://[::1]:5050", ",[::1]"),
    ],
)
def test_the_hosts_of_all_addresses_are_added(url: str, hosts: str) -> None:
    assert direct_variables({}, [HTTP, url])["no_proxy"] == LOCAL + hosts


@pytest.mark.parametrize(
    ("environment", "url", "name"),
    [
        ({}, HTTP, None),
        ({"http_proxy": ""}, HTTP, None),
        ({"http_proxy": "p"}, HTTP, "http_proxy"),
        ({"HTTP_PROXY": "p"}, HTTP, "HTTP_PROXY"),
        ({"ALL_PROXY": "p"}, HTTP, "ALL_PROXY"),
        ({"https_proxy": "p"}, HTTP, None),
        ({"https_proxy": "p"}, "https://127.0.0.1", "https_proxy"),
        ({"all_proxy": "p", "no_proxy": "corp"}, HTTP, "all_proxy"),
        ({"http_proxy": "p", "no_proxy": "*"}, HTTP, None),
        ({"http_proxy": "p", "NO_PROXY": "corp, 127.0.0.1"}, HTTP, None),
    ],
)
def test_a_proxy_that_gets_the_requests_is_named(
    environment: dict[str, str], url: str, name: str | None
) -> None:
    assert detour(environment, url) == name
    if name is not None:
        assert proxy_variable(environment, url) == name
        assert detour(environment | direct_variables(environment, [url]), url) is None
