"""The proxy in the environment of a client: how requests to a replay pass it by.

    http_proxy=http://proxy.example:3128    where clients send requests, by the scheme of their URL
    NO_PROXY=localhost,127.0.0.1,::1        the hosts that they connect to directly; `*` is all

Clients read these in lower case, in upper case, or both, in an order of their own: curl, for
example, ignores `NO_PROXY` if `no_proxy` is set. So both spellings are set here, always.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_NAMES = ("no_proxy", "NO_PROXY")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def direct_variables(environment: Mapping[str, str], urls: Iterable[str]) -> dict[str, str]:
    """Return `no_proxy` and `NO_PROXY` as in an environment, extended by the hosts of servers.

    Loopback is always among them. A variable that is not set begins as the other one.
    """
    values = [environment.get(name, "").strip() for name in _NAMES]
    hosts = dict.fromkeys((*_LOOPBACK, *(host for url in urls for host in _hosts(url))))
    return {
        name: _extended(value or "".join(values), hosts)
        for name, value in zip(_NAMES, values, strict=True)
    }


def proxy_variable(environment: Mapping[str, str], url: str) -> str | None:
    """Return the name of the variable that sets a proxy for a URL; None if there is none."""
    names = (f"{urlsplit(url).scheme}_proxy", "all_proxy")
    spellings = (each for name in names for each in (name, name.upper()))
    return next((each for each in spellings if environment.get(each)), None)


def detour(environment: Mapping[str, str], url: str) -> str | None:
    """Return the variable whose proxy gets the requests to a URL; None if they go directly."""
    lists = [_entries(environment.get(name, "")) for name in _NAMES]
    host = urlsplit(url).hostname or ""
    if any("*" in each or host in each for each in lists):
        return None
    return proxy_variable(environment, url)


def _extended(value: str, hosts: Iterable[str]) -> str:
    entries = _entries(value)
    if "*" in entries:
        return value
    return ",".join([*filter(None, [value.rstrip(", ")]), *(h for h in hosts if h not in entries)])


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",")]


def _hosts(url: str) -> list[str]:
    """Return the host of a URL; an IPv6 address without and with brackets.

    Some clients compare it with brackets (urllib), and others cannot read these (httpx 0.28), so
    only the address of a server has them.
    """
    host = urlsplit(url).hostname or ""
    return [host, f"[{host}]"] if ":" in host else [host]
