"""Which parts of a text get which new names."""

import pytest

from mesotape.cassettes.renaming.names import Names

A, B = "e569076e-deef-4401-a45a-d2f47ce055ff", "7793dae4-415e-4a96-b8e4-d6b9fac08785"
ONE, TWO = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
UUID = '"uuid": "4hVQX0vJQ5mXhF0nq1GHfg=="'
UUID_1 = '"uuid": "AAAAAAAAQACAAAAAAAAAAQ=="'
TASK = '"task_id": {"value": "%s"}'
HOSTNAME = '"hostname": "%s"'

TEXTS = [
    ("an agent", [], f"/slaves/{A}-S0/x", "/slaves/agent-1/x"),
    ("a longer number", [], f"{A}-S1 {A}-S10 {A}-S1", "agent-1 agent-2 agent-1"),
    ("a framework and an offer", [], f"{A}-0000 {B}-O7", "framework-1 offer-1"),
    ("a master", [f"{A}-S0"], f"{A} {A}-S0", "master-1 agent-1"),
    ("another uuid", [], f"scheduler-{A}@h {B} {A}", f"scheduler-{ONE}@h {TWO} {ONE}"),
    (
        "a uuid in base64",
        [],
        f"{UUID} {UUID}",
        f"{UUID_1} {UUID_1}",
    ),
    ("base64 elsewhere", [], '"data": "4hVQX0vJQ5mXhF0nq1GHfg=="', None),
    ("a task", [TASK % f"app.{A}"], f"/tasks/app.{A}/stdout", "/tasks/task-1/stdout"),
    ("a task in a list", ['"task_ids": [{"value": "x"}]', TASK % f"{A}"], f"[{A}]", "[task-1]"),
    ("a task with signs", [TASK % "a:b/12345678"], "x a:b/12345678", "x task-1"),
    ("its slash escaped", [TASK % r"a\/12345678"], r'"a\/12345678" a/12345678', '"task-1" task-1'),
    ("a part of a word", [TASK % "a:12345678"], "ba:12345678 a:123456789", None),
    ("a task in a sentence", [TASK % f"app.{A}"], f"of app.{A}. of", "of task-1. of"),
    ("a nested container", [TASK % A], f"of {A}.nested-1 in {A}.", "of task-1.nested-1 in task-1."),
    ("a readable task", [TASK % "sleeper"], "sleeper sleepers", None),
    ("a name that is taken", [TASK % "task-1", TASK % f"{A}"], f"task-1 {A}", "task-1 task-2"),
    ("a numbered uuid", [], ONE, None),
    ("an executor that is a task", [TASK % A, f'"executor_id": {{"value": "{A}"}}'], A, "task-1"),
    ("a host", [HOSTNAME % "a.corp.net"], "http://a.corp.net:80/", "http://host-1.example:80/"),
    ("a longer host", [HOSTNAME % "corp.net"], "a.corp.net corp.nets corp.net.uk x-corp.net", None),
    ("the end of a sentence", [HOSTNAME % "corp.net"], "to corp.net.", "to host-1.example."),
    ("an address", [HOSTNAME % "10.0.0.5"], "10.0.0.5:80 10.0.0.50 110.0.0.5", None),
    ("a word", [HOSTNAME % "node7"], "node7 /node7", None),
    ("a word in a URL", [HOSTNAME % "node7"], "http://node7/ a@node7:1", None),
    ("a word as a host", [HOSTNAME % "node7"], HOSTNAME % "node7", HOSTNAME % "host-1.example"),
    ("IPv6", ['"ip": "fe80::1"'], "[fe80::1]:80 fe80::12", "[2001:db8::1]:80 fe80::12"),
    ("a number of an address", ['"ip": "10.0.0.5"'], '"ip": 83886090', '"ip": 16908480'),
    ("a loopback", ['"ip": "127.0.0.1"', HOSTNAME % "localhost"], "127.0.0.1 localhost", None),
    ("an example", [HOSTNAME % "node-1.example"], "node-1.example", None),
    ("a pid", ['"pid": "slave(1)@10.0.0.5:5051"'], "10.0.0.5", "192.0.2.1"),
]
SPECIAL = {
    "an address": "192.0.2.1:80 10.0.0.50 110.0.0.5",
    "a word in a URL": "http://host-1.example/ a@host-1.example:1",
}


@pytest.mark.parametrize(
    ("name", "messages", "text", "expected"), TEXTS, ids=[each[0] for each in TEXTS]
)
def test_a_text_has_the_new_names(
    name: str, messages: list[str], text: str, expected: str | None
) -> None:
    names = Names()
    for message in messages:
        names.add_message(message)
        names.add_text(message)
    names.seek()
    renamed = names.rename_message(text)
    assert renamed == SPECIAL.get(name, text if expected is None else expected)
    assert names.rename_message(renamed) == renamed


def test_what_is_not_to_be_renamed_stays() -> None:
    text = f"{A}-S0 {UUID} {TASK % A} {HOSTNAME % 'a.corp.net'}"
    for chosen in ({"renames_ids": False}, {"renames_hosts": False}):
        names = Names(**chosen)
        names.add_message(text)
        names.seek()
        renamed = names.rename_message(text)
        assert ("corp.net" in renamed) == ("renames_hosts" in chosen)
        assert (A in renamed and UUID in renamed) == ("renames_ids" in chosen)


def test_there_are_more_addresses_than_documentation_networks_have() -> None:
    names = Names()
    hosts = [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(1000)]
    for host in hosts:
        names.add_host(host)
    names.seek()
    renamed = [names.rename(host) for host in hosts]
    assert len(set(renamed)) == 1000
    assert [names.rename(host) for host in renamed] == renamed
