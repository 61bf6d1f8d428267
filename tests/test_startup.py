"""What starting imports: each module that a command does not need delays every run of it."""

import subprocess
import sys

import pytest
from support.paths import ROOT

LIBRARIES = {
    "asyncio",
    "duckdb",
    "email",
    "flask",
    "google.protobuf",
    "importlib.metadata",
    "ldap3",
    "mitmproxy",
    "msgspec",
    "pyarrow",
    "rich",
    "tempfile",
    "yaml",
}
"""Libraries that take more than 5 ms of CPU to import, and that some commands need."""

WRITING = "mesotape.cassettes.recording.writer"
READING = "mesotape.cassettes.storage.reader"
REDACTION = "mesotape.cassettes.redaction.redactor"
REPLAYING = "mesotape.cassettes.playback"
RECORDING_MISSES = "mesotape.proxy.recorder"

SAMPLE = str(ROOT / "cassettes" / "samples" / "master.yaml")
RUN = "from mesotape.proxy.cli import cli; cli.main({}, standalone_mode=False)"

STARTS = {
    "--help": (RUN.format(["--help"]), set[str](), {READING, WRITING, REPLAYING}),
    "--version": (RUN.format(["--version"]), set[str](), {READING, WRITING, REPLAYING}),
    "validate": (
        RUN.format(["validate", SAMPLE]),
        {"google.protobuf", "msgspec", "tempfile"},
        {WRITING, REPLAYING},
    ),
    "scan": (
        RUN.format(["scan", SAMPLE]),
        {"google.protobuf", "msgspec", "tempfile"},
        {WRITING, REPLAYING},
    ),
    "inspect": (
        RUN.format(["inspect", SAMPLE]),
        {"google.protobuf", "msgspec", "rich", "tempfile"},
        {WRITING, REPLAYING},
    ),
    "replay": (
        "import mesotape.proxy.cli, mesotape.proxy.commands.replay",
        {"asyncio", "email", "google.protobuf", "msgspec"},
        {WRITING, REDACTION, RECORDING_MISSES},
    ),
    "record": (
        "from mesotape.proxy.commands import record; record.defer_addons();"
        " import mesotape.proxy.cli, mesotape.proxy.commands.mitm",
        LIBRARIES - {"duckdb", "flask", "ldap3", "pyarrow", "rich", "yaml"},
        {WRITING, READING, REDACTION, REPLAYING},
    ),
    "the writer": (
        "import mesotape.addons.writing.writer_main",
        {"google.protobuf", "msgspec", "tempfile"},
        {READING, REPLAYING},
    ),
    "the pytest plugin": ("import mesotape.proxy.plugin", LIBRARIES, {"mesotape.cassettes"}),
}
"""For each start: its code, the libraries that it may import, and our modules that it may not."""


@pytest.mark.parametrize(("code", "needed", "unneeded"), STARTS.values(), ids=STARTS)
def test_a_start_imports_only_what_it_needs(
    code: str, needed: set[str], unneeded: set[str]
) -> None:
    refused = (LIBRARIES - needed) | unneeded
    script = f"import sys\n{code}\nprint('imports', sorted({refused} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    hint = "import it in the function that needs it (CONTRIBUTING.md, What a start imports)"
    assert done.stdout.splitlines()[-1] == "imports []", hint
