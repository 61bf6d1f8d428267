"""A process that has imported mesotape and mitmproxy, and forks the commands of the tests.

A command takes 0.2 to 0.8 s of CPU to start, nearly all of it for imports, and the tests start more
than a thousand. Here each is forked instead: a process of its own, with its own arguments, folder,
environment, files and signals. Its parent is a process that waits for it and reports how it ended.

For each command the server is sent a `ForkRequest` and four descriptors: stdin, stdout, stderr, and
a pipe that gets the id of the process, and later its status as `os.waitpid` returns it.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

from msgspec import Struct, convert

STATUS_BYTES = 4

_PRELOADED = (
    "addons.flow_files.flow_reader",
    "cassettes.format.yaml_reader",
    "cassettes.scanning.rule_files",
    "proxy.commands.demo",
    "proxy.commands.mitm",
    "proxy.commands.record",
    "proxy.commands.replay",
    "proxy.cassette_tools.validate",
    "proxy.inspect.command",
    "proxy.cassette_tools.redact",
    "proxy.cassette_tools.scan",
)


class ForkRequest(Struct):
    """A command: `arguments` follow the word `mesotape`."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    umask: int


def main() -> None:
    """Serve requests from the socket that is stdin. In a forked process: run the command."""
    _preload()
    server = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for the processes that wait.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest.
    while True:
        data, descriptors, _, _ = socket.recv_fds(server, 1 << 20, 4)
        if not data:
            return
        if b'"AWS_ENDPOINT_URL"' in data:
            importlib.import_module("s3fs")  # Not in `_PRELOADED`: few tests have a store.
        if os.fork() == 0:
            break
        for each in descriptors:
            os.close(each)
    server.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, status = descriptors
    if (pid := os.fork()) != 0:
        _report(pid, status)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.close(status)
    for number, each in enumerate(standard):
        os.dup2(each, number)
        os.close(each)
    _run(convert(json.loads(data), ForkRequest))


def _preload() -> None:
    from mesotape.addons.traffic.deferred_addons import defer_addons
    from mesotape.proto.messages.descriptors import message_class

    gc.disable()
    defer_addons()
    for name in _PRELOADED:
        importlib.import_module(f"mesotape.{name}")
    importlib.import_module("mitmproxy.addons").default_addons()
    message_class("mesos.v1.master.Event")
    gc.freeze()
    gc.enable()


def _report(pid: int, status: int) -> NoReturn:
    """Wait for a process."""
    for number in range(3):
        os.close(number)
    os.write(status, pid.to_bytes(STATUS_BYTES))
    os.write(status, os.waitpid(pid, 0)[1].to_bytes(STATUS_BYTES))
    os._exit(0)


def _run(request: ForkRequest) -> NoReturn:
    """Run a command, and end without clearing a thousand modules, which takes 0.1 s of CPU."""
    from mesotape.proxy import cli

    os.umask(request.umask)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["mesotape", *request.arguments]
    code: object = 0
    try:
        cli.main()
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 1)
