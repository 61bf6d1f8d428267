import pytest

from mesotape.cassettes.answers.byte_cache import ByteCache


@pytest.fixture
def cache():
    return ByteCache[str, str](max_bytes=10, max_value_bytes=6)


def test_a_value_is_stored(cache):
    assert cache.get("a") is None
    cache.put("a", "A", 6)
    assert cache.get("a") == "A"


def test_values_together_are_at_most_so_many_bytes(cache):
    cache.put("a", "A", 5)
    cache.put("b", "B", 5)
    assert (cache.get("a"), cache.get("b")) == ("A", "B")
    cache.put("c", "C", 1)
    assert [cache.get(key) for key in "abc"] == [None, "B", "C"]


def test_the_least_recently_used_value_is_dropped_first(cache):
    cache.put("a", "A", 5)
    cache.put("b", "B", 5)
    cache.get("a")
    cache.put("c", "C", 5)
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_a_large_value_is_not_stored_and_drops_nothing(cache):
    cache.put("a", "A", 6)
    cache.put("b", "B", 7)
    assert [cache.get(key) for key in "ab"] == ["A", None]


def test_a_replaced_value_no_longer_counts(cache):
    for size in (5, 5, 5):
        cache.put("a", f"A{size}", size)
    cache.put("b", "B", 5)
    assert [cache.get(key) for key in "ab"] == ["A5", "B"]
