import mmap
from pathlib import Path

import msgspec
import pytest

from mesotape.cassettes.importing.json_spans import elements_of, find_list


@pytest.mark.parametrize(
    ("text", "elements", "rest"),
    [
        ('{"log":{"entries":[{"a":1},{"b":[{}]}]}}', ['{"a":1}', '{"b":[{}]}'],
         '{"log":{"entries":[]}}'),
        ('{"x":{"entries":[{}]},"log":{"entries":[{"a":1}]}}', ['{"a":1}'], None),
        ('{"log":{"pages":[{"entries":[{}]}],"entries":[{"a":1}]}}', ['{"a":1}'], None),
        (r'{"log":{"c":"\"entries\":[{}]\\","entries" : [ {"a":"]}"} ]}}', ['{"a":"]}"}'], None),
        ('{"entries":[{}],"log":{"entries":[]}}', [], '{"entries":[{}],"log":{"entries":[]}}'),
        ('{"log":{"x":"entries","entries":[{"log":{"entries":[{}]}}]}}',
         ['{"log":{"entries":[{}]}}'], None),
        ('{"log":{"entries":[{"a":1}', None, None),
        ('{"log":{}}', None, None),
        ("[]", None, None),
    ],
)  # fmt: skip
def test_the_elements_of_a_list(
    text: str, elements: list[str] | None, rest: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        found = find_list(data, ("log", "entries"))
        if elements is None:
            assert found is None
            return
        assert found is not None
        assert [*elements_of(data, found)] == [each.encode() for each in elements]
        assert rest is None or found.rest.decode() == rest
        msgspec.json.decode(found.rest)


def test_pages_that_were_read_are_released_and_read_again(tmp_path: Path) -> None:
    """More than is kept in memory: the same elements, twice."""
    path = tmp_path / "x.json"
    elements = [b'{"n":"%d%b"}' % (n, b"x" * (1 << 20)) for n in range(40)]
    path.write_bytes(b'{"log":{"entries":[' + b",".join(elements) + b"]}}")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        found = find_list(data, ("log", "entries"))
        assert found is not None
        assert [*elements_of(data, found)] == elements
        assert [*elements_of(data, found)] == elements
