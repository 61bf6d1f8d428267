import pytest

from mesotape.proto.http.reason_phrases import reason_phrase


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (200, "OK"),
        (307, "Temporary Redirect"),
        (413, "Content Too Large"),  # 413 to 422: the names of RFC 9110, in no older Python
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (418, ""),
        (422, "Unprocessable Content"),
        (510, ""),
        (501, "Not Implemented"),
        (99, ""),
        (299, ""),
    ],
)
def test_phrases_are_those_of_the_registry(status: int, phrase: str) -> None:
    assert reason_phrase(status) == phrase
