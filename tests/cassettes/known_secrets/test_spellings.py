import base64
import json
import time
from urllib.parse import quote

import pytest

from mesotape.cassettes.known_secrets.secrets import Secrets
from mesotape.cassettes.known_secrets.spellings import SpellingIndex

SECRET = 'p"ss/w+rd=é\\%~ 42'


def to_base64(data: bytes) -> bytes:
    return base64.b64encode(data)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET.encode(),
        json.dumps(SECRET).encode(),
        json.dumps(SECRET, ensure_ascii=False).encode(),
        json.dumps(json.dumps(SECRET)).encode(),
        quote(SECRET, safe="").encode(),
        quote(SECRET).lower().encode(),
        *(to_base64(b"x" * shift + SECRET.encode() + b"yy") for shift in range(3)),
        base64.urlsafe_b64encode(SECRET.encode()),
        *(to_base64(b"z" * shift + to_base64(SECRET.encode()) + b"yy") for shift in range(3)),
    ],
)
@pytest.mark.parametrize("others", [0, 100, 1000])
def test_a_secret_is_found_in_any_spelling(spelled: bytes, others: int) -> None:
    index = SpellingIndex()
    index.add(SECRET.encode(), 1)
    for number in range(others):
        index.add(b"another-%d-of-them" % number, number + 2)
    for around in (b"", b"some text "):
        (found,) = index.find(around + spelled + around)
        assert found.number == 1
        assert len(around) <= found.begin < found.end <= len(around + spelled)


def test_what_only_begins_like_a_secret_is_none() -> None:
    index = SpellingIndex()
    index.add(b"hunter2-hunter2-hunter2", 1)
    assert list(index.find(b"hunter2-hunter2-hunter3 hunter2-hunter2")) == []


def test_the_longest_of_several_secrets_is_found() -> None:
    index = SpellingIndex()
    for number, secret in enumerate(
        (b"hunter2-hun", b"hunter2-hunter2", b"hunter2-hunter2-hunter2"), 1
    ):
        index.add(secret, number)
    found = list(index.find(b"hunter2-hunter2-hunter2 hunter2-hunter2. hunter2-hung"))
    assert [one.number for one in found] == [3, 2, 1]


def test_all_spellings_end_up_in_one_automaton() -> None:
    index = SpellingIndex()
    for number in range(100):
        index.add(b"%d is the secret" % number, number)
    many = len(index._automata) + bool(index._newest.stems)
    for _ in range(8 * len(index._of_stem)):
        list(index.find(b""))
    assert many > 1
    assert len(index._automata) == 1
    (found,) = index.find(b"see: 77 is the secret.")
    assert found.number == 77


def test_a_text_that_begins_like_secrets_everywhere_takes_linear_time() -> None:
    index = SpellingIndex()
    for number in range(20):
        index.add(b"a" * (4000 + number) + b"b", number)
    begun = time.process_time()
    list(index.find(b"a" * 300_000))
    assert time.process_time() - begun < 10.0  # without a budget, minutes


def test_placeholders_continue_after_a_number_and_are_equal_for_equal_secrets() -> None:
    secrets = Secrets(first_number=7)
    names = [secrets.placeholder(each) for each in ("hunter2-a", "hunter2-b", b"hunter2-a")]
    assert names == ["REDACTED-7", "REDACTED-8", "REDACTED-7"]
    assert secrets.count == 2


@pytest.mark.parametrize(
    ("secret", "is_sought"),
    [
        ("hunter2", False),  # short
        ("/usr/local/bin/python", False),
        ("registry.example/image:1.2", False),
        ("production", False),
        ("http://example/x", False),
        ("47cWQTW/pRRjgwd7Xq", True),
        ("kX9!fj2-ffQ0", True),
        ("8d5a0f7e9c1b2a3d4e5f60718293a4b5", True),
    ],
)
def test_a_value_that_only_its_place_makes_a_secret_is_sought_if_it_looks_rare(
    secret: str, is_sought: bool
) -> None:
    secrets = Secrets()
    secrets.placeholder(secret, is_certain=False)
    assert secrets.are_in(f"see {secret}!".encode()) is is_sought


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("ops:hunter2-hunter2", "hunter2-hunter2"),
        (base64.b64encode(b"ops:hunter2!hunter2").decode(), "hunter2!hunter2"),
        ('{"auth": "b3BzOmh1bnRlcjJIdW50ZXIy"}', "hunter2Hunter2"),
        ('{"a": "kX9!fj2-ffQ0"}', "kX9!fj2-ffQ0"),
        (
            "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0\nAQEFAASCBKcwgg4jAgEAAo",
            "AQEFAASCBKcwgg4jAgEAAo",
        ),
        ("a,jGkwt5nFgf6hW9sQp2,b", "jGkwt5nFgf6hW9sQp2"),
    ],
)
def test_the_parts_of_a_secret_are_found_too(whole: str, part: str) -> None:
    secrets = Secrets()
    secrets.placeholder(whole)
    assert [one.number for one in secrets.find(f"see {part} there".encode())] == [1]
