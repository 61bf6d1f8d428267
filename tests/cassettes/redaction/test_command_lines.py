import pytest

from mesotape.cassettes.redaction.command_lines import redact_command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("sleep 5", "sleep 5"),
        ("curl -u admin:hunter2 http://x | tee out; sleep 5", "curl -u * * | tee out; sleep 5"),
        ("A=b23 C=d23 exec.it --key=x23- -v", "A=b23 C=d23 * --key=* -v"),
        ("echo $HOME > /dev/null 2>&1", "echo $HOME > /dev/null 2>&1"),
        ("sh -c 'cat secret && exit 1'", "sh -c 'cat * && exit 1'"),
        ("echo 'date secret'", "echo '* *'"),
        ("mysql -phunter2 -uroot", "mysql * *"),
        ("login c2VjcmV0MTIzNDU2Nzg5MA==", "login *"),  # base64 is no assignment
        ("login aGVsbG8xMjM0NTY3OA=", "login *"),
        ("login Zq1xYw7Ab=tail", "login *"),
        ("X= launch", "X= launch"),
        ("login p!ss{w}ord", "login *"),  # characters that are operators as words only
        ("if ! test -f x; then { yield; }; fi", "if ! test -f x; then { yield; }; fi"),
        ("/usr/bin/env -i ./run.sh", "/usr/bin/env -i *"),
    ],
)
def test_arguments_are_replaced_and_the_grammar_is_kept(command: str, expected: str) -> None:
    assert redact_command(command, lambda _: "*") == expected
