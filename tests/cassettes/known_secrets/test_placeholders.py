from base64 import b64encode, urlsafe_b64encode

import pytest

from mesotape.cassettes.known_secrets.placeholders import placeholder_numbers


@pytest.mark.parametrize("around", [b"", b"a", b"ab", b"abc", b"\xff\xfe\xfd\xfb"])
@pytest.mark.parametrize("number", [7, 42, 123456789])
def test_a_number_is_found_in_every_spelling(around: bytes, number: int) -> None:
    placeholder = b"%bREDACTED-%d%b" % (around, number, around)
    once = b64encode(placeholder)
    for spelled in (
        placeholder,
        once,
        urlsafe_b64encode(placeholder),
        once.rstrip(b"="),
        b64encode(b"a" + once),
        b"data: " + b64encode(once) + b"\n",
    ):
        assert max(placeholder_numbers(b'"%b"' % spelled)) == number


def test_other_bytes_have_none() -> None:
    data = bytes(range(256)) + b" REDACTED UkVEQUNURUQ= redacted-1 " + b64encode(bytes(range(256)))
    assert list(placeholder_numbers(data)) == []
