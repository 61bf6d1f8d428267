"""The process and the machine: variables, ports, limits, and other installations."""

import locale
import os
import resource
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...proto.http.address import Address
from ..commands.console import CommandError, check_platform
from ..http.proxy_variables import detour
from .check_result import CheckResult

_LOOPBACK_URLS = ("http://127.0.0.1:5050", "https://127.0.0.1:5050")
_MESOS_PORTS = {5050: "master", 5051: "agent"}
_FEW_FILES = 1024


def check_environment(environment: Mapping[str, str]) -> Iterator[CheckResult]:
    """Yield what may keep a recording or a replay from working as expected."""
    try:
        check_platform("mesotape")
    except CommandError as error:
        yield CheckResult("platform", "error", str(error))
    yield _proxy(environment)
    yield from _ports()
    yield _open_files()
    yield _encoding()
    yield from _variables(environment)
    yield from _other_installations(environment)


def _proxy(environment: Mapping[str, str]) -> CheckResult:
    names = (detour(environment, url) for url in _LOOPBACK_URLS)
    found = list(dict.fromkeys(name for name in names if name is not None))
    if not found:
        return CheckResult("proxies", "ok", "requests to 127.0.0.1 go directly")
    text = f"{' and '.join(found)}: clients send requests for 127.0.0.1 to that proxy;"
    return CheckResult("proxies", "warning", f"{text} add 127.0.0.1,localhost to NO_PROXY")


def _ports() -> Iterator[CheckResult]:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            yield CheckResult("ports", "ok", "a free one on 127.0.0.1 can be taken")
    except OSError as error:
        yield CheckResult("ports", "error", f"nothing can listen on 127.0.0.1: {error.strerror}")
        return
    for port, server in _MESOS_PORTS.items():
        with socket.socket() as client:
            client.settimeout(0.5)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                address = Address("127.0.0.1", port)
                text = f"something listens on {address}, where the {server} of Mesos would:"
                yield CheckResult("ports", "ok", f"{text} give record and replay another --listen")


def _open_files() -> CheckResult:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return CheckResult("open files", "ok", "no limit")
    if hard >= _FEW_FILES:
        return CheckResult("open files", "ok", f"at most {hard}")
    text = f"at most {hard}, and each client takes one or two: raise the limit with ulimit -Hn"
    return CheckResult("open files", "warning", text)


def _encoding() -> CheckResult:
    name = locale.getencoding()
    if name.lower().replace("-", "") == "utf8":
        return CheckResult("encoding", "ok", name)
    return CheckResult(
        "encoding", "warning", f"{name} lacks most characters: export LC_ALL=C.UTF-8"
    )


def _variables(environment: Mapping[str, str]) -> Iterator[CheckResult]:
    slow = "each start compiles all modules anew, which takes a second: unset it"
    disabled = "pytest does not load the fixtures of mesotape: pass -p mesotape.proxy.plugin"
    for name, text in (
        ("PYTHONDONTWRITEBYTECODE", slow),
        ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", disabled),
    ):
        if environment.get(name):
            yield CheckResult(name, "warning", text)


def _other_installations(environment: Mapping[str, str]) -> Iterator[CheckResult]:
    own = Path(sys.executable).parent / "mesotape"
    on_path = shutil.which("mesotape", path=environment.get("PATH", os.defpath))
    if on_path is None:
        text = f"no mesotape is on it: run {sys.executable} -m mesotape, or add {own.parent}"
        yield CheckResult("PATH", "ok", text)
    elif own.exists() and not Path(on_path).samefile(own):
        yield CheckResult("PATH", "warning", f"its mesotape is {on_path}, another than this: {own}")
