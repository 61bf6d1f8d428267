import gzip
import http.client
import json
import shutil
from pathlib import Path

import pytest
from support.capture_to_cassette import taped
from support.captures import load
from support.commands import run, running
from support.imported_files import FILES, documents
from support.paths import ROOT

from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.recorded_bodies import encode_request, encode_response

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
BEAT = b'20\n{"type":"HEARTBEAT"}'
CALL = "mesos.v1.master.Call"


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_an_imported_file_replays_without_a_miss(name: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    assert run("import", FILES / name, "-o", path).returncode == 0
    assert run("validate", path).returncode == 0
    with (
        Cassette.open(path) as cassette,
        running("replay", path, "--pace", "instant") as replay,
    ):
        for each in cassette.exchanges():
            request, client = each.request, http.client.HTTPConnection(*replay.address)
            headers = {name: text for name, text in request.headers.items() if name != "Host"}
            body = encode_request(cassette, each, CALL)
            client.request(request.method, request.path, body, headers)
            answer = client.getresponse()
            data = answer.read()
            assert answer.status == each.response.status
            if each.response.stream is not None:
                assert data.count(BEAT) == 2
            elif answer.headers["Content-Encoding"] == "gzip":
                assert gzip.decompress(data) == encode_response(cassette, each)
            else:
                assert data
            client.close()
    assert replay.code == 0


@pytest.mark.parametrize("suffix", ["har", "jsonl", "jsonl.gz", "flow", "har.gz"])
def test_a_cassette_comes_back(suffix: str, tmp_path: Path) -> None:
    old = taped(load("stream-ends"), tmp_path / "old.yaml", rules=DEFAULT_RULES)
    file, new = tmp_path / f"c.{suffix}", tmp_path / "c.yaml.gz"
    assert run("export", old, "-o", file).returncode == 0
    done = run("import", file, "-o", new)
    assert (done.returncode, done.stderr) == (0, "")
    assert documents(new) == documents(old)


def test_secrets_are_replaced(tmp_path: Path) -> None:
    har = json.loads((FILES / "chromium.har").read_text())
    for entry in har["log"]["entries"]:
        token = {"name": "Authorization", "value": "Bearer 7Kq2mVx9TzR4bNw8"}
        entry["request"]["headers"].append(token)
    # It is known only from the second exchange on, in the order of the file.
    first = har["log"]["entries"][0]
    first["request"]["headers"].pop()
    first["request"]["url"] += "?q=7Kq2mVx9TzR4bNw8"
    (tmp_path / "x.har").write_text(json.dumps(har))
    done = run("import", "x.har", "-o", "c.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "c.yaml: secrets replaced: authorization" in done.stderr
    assert "7Kq2mVx9TzR4bNw8" not in (tmp_path / "c.yaml").read_text()
    assert run("scan", "c.yaml", cwd=tmp_path).returncode == 0
    without = ("--no-redact", "authorization", "--no-redact", "authorization-text")
    assert run("import", "x.har", "-o", "d.yaml", *without, cwd=tmp_path).returncode == 0
    assert "7Kq2mVx9TzR4bNw8" in (tmp_path / "d.yaml").read_text()


def test_the_losses_are_listed_in_json(tmp_path: Path) -> None:
    (tmp_path / "s.bin").write_bytes(BEAT * 3)
    done = run("import", "s.bin", "-o", "c.yaml", "--json", "--api", "scheduler", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert done.stderr == ""
    assert {name: result[name] for name in ("file", "exchanges", "events", "secrets")} == {
        "file": "c.yaml",
        "exchanges": 1,
        "events": 3,
        "secrets": {},
    }
    assert result["losses"][0]["text"].startswith("the request is not in the file: made up as POST")


def test_one_of_several_servers_is_asked_for(tmp_path: Path) -> None:
    har = json.loads((FILES / "chromium.har").read_text())
    har["log"]["entries"][0]["request"]["url"] = "http://agent.example:5051/"
    (tmp_path / "x.har").write_text(json.dumps(har))
    done = run("import", "x.har", "-o", "c.yaml", cwd=tmp_path)
    assert "requests went to several servers" in done.stderr
    chosen = ("--upstream", "http://agent.example:5051")
    one = run("import", "x.har", "-o", "c.yaml", *chosen, cwd=tmp_path)
    assert one.returncode == 0
    assert "4 requests to other servers than http://agent.example:5051: left out" in one.stderr
    with Cassette.open(tmp_path / "c.yaml") as cassette:
        assert len(cassette) == 1


KINDS = "a HAR, JSON lines, a flow file, a cassette of vcrpy, a packet capture, HTTP or records"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("none.har -o c.yaml", "none.har: there is no such file"),
        ("empty -o c.yaml", "empty: is empty"),
        ("master.yaml -o c.yaml", "master.yaml: is a cassette already; nothing was written"),
        ("text -o c.yaml", f"text: expected {KINDS}, found b'hello'…; --format names the format; "
         "nothing was written"),
        ("text -o text", "text: is the imported file: choose another name for -o"),
        ("half.jsonl -o c.yaml", "half.jsonl:2: Input data was truncated; nothing was written"),
        ("x.pcap -o c.yaml", "x.pcap: has no packets; nothing was written"),
        ("y.pcap -o c.yaml", "y.pcap: packet 1, before byte 40: found 4294967295 bytes, expected "
         "at most 1048576; nothing was written"),
        ("z.pcap -o c.yaml", "z.pcap: has no HTTP/1.1: found 1 packet; nothing was written"),
        ("s.bin -o none/c.yaml", "none/c.yaml: cannot be written: No such file or directory"),
        ("s.bin -o p.yaml", "p.2.yaml: already exists, and would be the next part: remove it, or "
         "choose another name for -o"),
        ("s.bin -o c.yaml --request x", "--request x: expected a call as JSON: JSON is malformed: "
         "invalid character (byte 0)"),
        ("text.gz -o c.yaml", "text.gz: cannot be unpacked: Compressed file ended before the "
         "end-of-stream marker was reached"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments: str, text: str, tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "p.2.yaml").touch()
    (tmp_path / "s.bin").write_bytes(BEAT)
    (tmp_path / "text").write_text("hello")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"hello")[:-4])
    capture = b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\1\0\0\0"
    (tmp_path / "x.pcap").write_bytes(capture)
    (tmp_path / "y.pcap").write_bytes(capture + b"\xff" * 16)
    (tmp_path / "z.pcap").write_bytes(capture + bytes(8) + b"\x0e\0\0\0" * 2 + bytes(14))
    header = b'{"mesotape":1,"server":"master","recorded_at":"2026-01-01T00:00:00Z"}\n'
    (tmp_path / "half.jsonl").write_bytes(header + b'{"note": ')
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run("import", *arguments.split(), cwd=tmp_path)
    code = 2 if text.startswith("--request") else 1
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"mesotape: {text}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
