import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from support.commands import MESOTAPE, run, running
from support.sockets import connect, get

from mesotape.proxy.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mitmproxy's imports

UPSTREAM = "http://127.0.0.1:1"
TOO_LONG = "a" * 300
HEADER = """---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""
EXCHANGE = """---
exchange: 1
at: 0.5
client: 1
request: {method: GET, path: /version}
response: {after: 0.1, status: 200}
...
"""
FILES = {
    "empty.yaml": b"",
    "binary.yaml": b"\x7fELF\x00\x01\x02",
    "other.yaml": b"name: something else\n",
    "manifest.yaml": b"---\napiVersion: v1\n...\n",
    "newer.yaml": HEADER.replace("mesotape: 1", "mesotape: 2").encode(),
    "header.yaml": HEADER[:30].encode(),
    "tail.yaml": (HEADER + EXCHANGE + EXCHANGE.replace("1", "2", 1)[:-20]).encode(),
    "good.yaml": (HEADER + EXCHANGE).encode(),
    "tag.yaml": (HEADER + EXCHANGE.replace("GET", "!!python/name:os.system GET")).encode(),
    "alias.yaml": (HEADER + EXCHANGE.replace("GET", "&a GET").replace("200", "*a")).encode(),
    "garbage.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., None]:
    """Runs a command in this process, which saves the imports, and expects that it ends at once."""
    monkeypatch.chdir(folder)

    def refused(arguments: Sequence[str], code: int, text: str) -> None:
        monkeypatch.setattr(sys, "argv", ["mesotape", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        done = subprocess.CompletedProcess(
            arguments, cast(int, ended.value.code), said.out, said.err
        )
        assert_refused(done, code, text)

    return refused


def assert_refused(done: "subprocess.CompletedProcess[str]", code: int, text: str) -> None:
    assert done.stderr.startswith(f"mesotape: {text}"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.returncode == code
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["none.yaml"], 1, "none.yaml: there is no such file"),
        (["."], 1, "alias.yaml:10: anchors are not allowed: found `&a`; run mesotape validate "),
        (["good.yaml/x"], 1, "good.yaml/x: cannot be opened: Not a directory"),
        (["empty.yaml"], 1, "empty.yaml: not a cassette: the file is empty"),
        (["binary.yaml"], 1, "binary.yaml:1: not a cassette: found binary data"),
        (["other.yaml"], 1, "other.yaml:1: not a cassette: expected a line `---`, found 'name: "),
        (["manifest.yaml"], 1, "manifest.yaml:2: expected one of the keys mesotape, exchange, "),
        (["newer.yaml"], 1, "newer.yaml:2: format 2 is newer than this mesotape reads (1): "),
        (["header.yaml"], 1, "header.yaml:2: header: cut off: "),
        (["tag.yaml"], 1, "tag.yaml:10: tags are not allowed: "),
        (["alias.yaml"], 1, "alias.yaml:10: anchors are not allowed: "),
        (["good.yaml", "none.yaml"], 1, "none.yaml: there is no such file"),
        (["good.yaml", "--speed", "-1"], 2, "--speed is -1.0, expected a number above 0"),
        (["good.yaml", "--speed", "0"], 2, "--speed is 0.0, expected a number above 0"),
        (["good.yaml", "--speed", "nan"], 2, "--speed is nan, expected a number above 0"),
        (["good.yaml", "--speed", "fast"], 2, "Invalid value for '--speed': "),
        (["good.yaml", "--max-gap", "-1"], 2, "--max-gap is -1.0, expected 0 seconds or more"),
        (["good.yaml", "--max-gap", "nan"], 2, "--max-gap is nan, expected 0 seconds or more"),
        (["good.yaml", "--tls-cert", "a"], 2, "--tls-cert and --tls-key must be given together"),
        (["good.yaml", "--listen", "here"], 2, "Invalid value for '--listen': 'here': expected "),
        (["good.yaml", "--listen", "127.0.0.1:65536"], 2, "Invalid value for '--listen': "),
        (["good.yaml", "--listen", "192.0.2.1:0"], 1, "cannot listen on 192.0.2.1:0: "),
        (["good.yaml", "--ready-file", "none/ready"], 1, "none/ready: cannot be written: "),
        (["good.yaml", "--pace", "slow"], 2, "Invalid value for '--pace': 'slow' is not "),
        ([], 2, "Missing argument 'CASSETTES...'; see mesotape replay --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_of_replay_is_an_error_of_one_line(
    refused: Callable[..., None], arguments: list[str], code: int, text: str
) -> None:
    refused(["replay", *arguments], code, text)


@pytest.mark.parametrize(
    "command",
    [
        "redact tail.yaml",
        "cut tail.yaml --since 0",
        "merge good.yaml tail.yaml",
        "rename tail.yaml",
        "export tail.yaml --format jsonl",
    ],
)
def test_what_is_cut_off_is_not_left_out_silently(folder: Path, command: str) -> None:
    done = run(*command.split(), "-o", "new.yaml", cwd=folder)
    assert done.returncode == 0
    assert "tail.yaml:13: there is no end mark `...`: the document was cut off " in done.stderr
    (folder / "new.yaml").unlink()


@pytest.mark.parametrize(
    "arguments",
    ["replay", "inspect", "validate", "scan", "redact", "merge good.yaml -o new.yaml"],
)
def test_a_path_that_the_system_refuses_is_an_error_of_one_line(
    refused: Callable[..., None], arguments: str
) -> None:
    refused([*arguments.split(), TOO_LONG], 1, f"{TOO_LONG}: File name too long")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("demo", "No usable temporary directory found in ['/none']: set TMPDIR to a "),
        ("replay good.yaml --watch", "good.yaml: cannot be copied: No usable temporary directory "),
    ],
)
def test_a_system_without_a_temporary_folder_is_an_error_of_one_line(
    refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, arguments: str, text: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", None)
        patched.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/none"])
        refused(arguments.split(), 1, text)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "expected either the URL of a master or agent, or a --mode like regular"),
        ([UPSTREAM, "--mode", "regular"], 2, "expected either the URL of a master or agent, or "),
        (["master:5050"], 2, "master:5050: expected a URL like http://master.example:5050"),
        (["ftp://master"], 2, "ftp://master: expected a URL like http://master.example:5050"),
        (["http://master:port"], 2, "http://master:port: "),
        (["http://master:0"], 2, "http://master:0: expected a URL like "),
        (["http://master:99999"], 2, "http://master:99999: "),
        (["http://[::1"], 2, "http://[::1: "),
        (["http://master/api/v1"], 2, "http://master/api/v1: expected scheme, host and port only"),
        (
            ["http://a:b@master"],
            2,
            "http://a:b@master: expected a URL like http://master.example:5050",
        ),
        ([UPSTREAM, "--listen", "here"], 2, "Invalid value for '--listen': 'here': expected "),
        ([UPSTREAM, "--server", "boss"], 2, "Invalid value for '--server': 'boss' is not "),
        ([UPSTREAM, "--unknown"], 2, "No such option '--unknown'"),
        ([UPSTREAM, "--tls-cert", "a"], 2, "--tls-cert and --tls-key must be given together"),
        ([UPSTREAM, "--tls-key", "a"], 2, "--tls-cert and --tls-key must be given together"),
        (
            [UPSTREAM, "--tls-cert", "none.pem", "--tls-key", "none.pem"],
            1,
            "none.pem: cannot be read: No such file or directory",
        ),
        (
            [UPSTREAM, "--tls-cert", "garbage.pem", "--tls-key", "garbage.pem"],
            1,
            "garbage.pem, garbage.pem: not a certificate and its unencrypted private key (PEM): ",
        ),
        (
            [UPSTREAM, "--upstream-ca", "none.pem"],
            1,
            "none.pem: cannot be read: No such file or directory",
        ),
        ([UPSTREAM, "--upstream-ca", "garbage.pem"], 1, "garbage.pem: not a certificate (PEM): "),
        (
            [UPSTREAM, "--client-cert", "none.pem"],
            1,
            "none.pem: cannot be read: No such file or directory",
        ),
        ([UPSTREAM, "--client-cert", "good.yaml"], 1, "good.yaml: not a certificate and its "),
        ([UPSTREAM, "--set", "anticache"], 2, "--set anticache: expected NAME=VALUE"),
        (
            [UPSTREAM, "--set", "mesotape_server=agent"],
            2,
            "--set mesotape_server=agent: use --server instead",
        ),
        ([UPSTREAM, "--ready-file", "none/ready"], 1, "none/ready: cannot be written: "),
        # These are found by mitmproxy, which takes a second to import.
        ([UPSTREAM, "--set", "no_such=1"], 2, "--set no_such: mitmproxy has no such option"),
        (["--mode", "sideways"], 2, "mitmproxy refuses an option: Invalid proxy mode "),
        ([UPSTREAM, "--listen", "192.0.2.1:0"], 1, "cannot listen on 192.0.2.1:0: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_of_record_is_an_error_of_one_line_and_costs_no_cassette(
    refused: Callable[..., None], folder: Path, arguments: list[str], code: int, text: str
) -> None:
    refused(["record", *arguments, "-o", "new.yaml"], code, text)
    assert not (folder / "new.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "none/a.yaml"], "none/a.yaml: cannot be created: No such file or directory"),
        (["-o", "good.yaml/a.yaml"], "good.yaml/a.yaml: cannot be written: Not a directory"),
        (["-o", TOO_LONG], f"{TOO_LONG}: cannot be written: File name too long"),
        (["-o", "."], ".: is a folder, expected a file"),
        (
            ["-o", "good.yaml"],
            "good.yaml: already exists: choose another file, or pass --overwrite or ",
        ),
        (["-o", "other.yaml", "--append"], "other.yaml: is not a cassette: choose another name"),
        (["-o", "newer.yaml", "--append"], "newer.yaml:2: format 2 is newer than this "),
        (["-o", "good.yaml", "--append", "--server", "agent"], "good.yaml: expected a cassette "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_cassette_that_cannot_be_written_is_left_alone(
    refused: Callable[..., None], folder: Path, arguments: list[str], text: str
) -> None:
    refused(["record", UPSTREAM, *arguments], 1, text)
    for name, content in FILES.items():
        assert (folder / name).read_bytes() == content


def test_a_busy_port_is_an_error_of_one_line_and_costs_no_cassette(
    refused: Callable[..., None], folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        free = "--listen 127.0.0.1:0 takes a free port"
        text = f"cannot listen on {listen}: Address already in use; {free}"
        refused(["replay", "good.yaml", "--listen", listen], 1, text)
        for upstream in (UPSTREAM, "https://127.0.0.1:1"):
            refused(["record", upstream, "-o", "new.yaml", "--listen", listen], 1, text)
            assert not (folder / "new.yaml").exists()


def test_a_cassette_that_was_cut_off_is_replayed_with_a_warning(folder: Path) -> None:
    with (
        running("replay", "tail.yaml", cwd=folder) as player,
        connect(player.address) as client,
    ):
        client.send(get(b"/version", b"Connection: close"))
        assert client.rest().startswith(b"HTTP/1.1 200 OK\r\n")
        assert player.stop() == 0
    first = player.said.splitlines()[0]
    assert first.startswith("mesotape: warning: tail.yaml:13: there is no end mark `...`: ")


@pytest.fixture
def without_mitmproxy(tmp_path: Path) -> dict[str, str]:
    """An environment in which mitmproxy cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mitmproxy' or name.startswith('mitmproxy.'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    return os.environ | {"PYTHONPATH": str(tmp_path)}


def test_without_mitmproxy_recording_says_what_to_install_and_replay_works(
    folder: Path, without_mitmproxy: dict[str, str]
) -> None:
    done = run("record", UPSTREAM, "-o", "new.yaml", cwd=folder, env=without_mitmproxy)
    assert_refused(done, 1, "recording needs mitmproxy: pip install 'mesotape[record]'")
    assert not (folder / "new.yaml").exists()
    with running("replay", "good.yaml", cwd=folder, env=without_mitmproxy) as player:
        assert player.stop() == 0


def test_without_mitmproxy_a_flow_file_says_what_to_install(
    tmp_path: Path, without_mitmproxy: dict[str, str]
) -> None:
    path = tmp_path / "flows"
    path.write_bytes(b"17:7:version;2:21#}")
    done = run("inspect", path, env=without_mitmproxy)
    assert_refused(done, 1, f"{path}: a flow file needs mitmproxy: pip install 'mesotape[record]'")


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("command", ["record", "replay"])
def test_ctrl_c_at_any_time_is_no_traceback(
    folder: Path, tmp_path: Path, command: str, seconds: float
) -> None:
    arguments = [UPSTREAM, "-o", str(tmp_path / "a.yaml")] if command == "record" else ["good.yaml"]
    start = (
        "import os, signal, sys, threading\n"
        "from mesotape.proxy.cli import main\n"
        f"sys.argv[1:] = {[command, *arguments]}\n"
        f"threading.Timer({seconds}, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 130}


@pytest.mark.parametrize("command", ["record", "replay"])
def test_programs_get_json_and_the_ready_file_comes_first(
    folder: Path, tmp_path: Path, command: str
) -> None:
    arguments = [UPSTREAM, "-o", str(tmp_path / "a.yaml")] if command == "record" else ["good.yaml"]
    ready = tmp_path / "ready"
    with subprocess.Popen(
        [*MESOTAPE, command, *arguments, "--json", "--ready-file", str(ready)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = ready.read_text().strip()
        host, _, port = url.removeprefix("http://").partition(":")
        connect((host, int(port))).close()
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=30)
    assert line == b'{"ready":"%b"}\n' % url.encode()
    assert said == b""
    assert process.returncode == 0
    expected = {
        "record": b'{"exchanges":0,"events":0,"notes":0,"secrets":{},"proxy_answers":0}\n',
        "replay": b'{"served":0,"refused":0,"missed":0,"failed":0,"unused":[1]}\n',
    }
    assert rest == expected[command]


UNNAMEABLE = os.fsdecode(b"b\xff.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ("validate", "--json", UNNAMEABLE),
        ("inspect", "--json", UNNAMEABLE),
        ("report", UNNAMEABLE, "-o", "r.html"),
        ("query", UNNAMEABLE, "SELECT DISTINCT cassette FROM exchanges"),
        ("replay", UNNAMEABLE, "--require", "none", "--receipt", "/dev/stdout", "--", "true"),
        (
            "record",
            UPSTREAM,
            "--listen",
            "127.0.0.1:0",
            "-o",
            UNNAMEABLE,
            "--append",
            "--duration",
            "0.1",
        ),
    ],
    ids=lambda words: words[0],
)
def test_a_name_that_is_not_utf_8_is_escaped(words: tuple[str, ...], tmp_path: Path) -> None:
    Path(tmp_path, UNNAMEABLE).write_bytes(FILES["good.yaml"])
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert words[0] in ("inspect", "report") or "b\\xff.yaml" in shown.replace("\\\\", "\\")
