"""Which requests are equal for the cache of matches, and what the cache may hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesotape.cassettes.matching.request_key import CallKey, parse_request
from mesotape.cassettes.matching.servers import ANY_SERVER, ServerScope
from mesotape.cassettes.playback.match_cache import MatchCache
from mesotape.proto.http.request import HttpRequest

JSON = ((b"Content-Type", b"application/json"), (b"Accept", b"application/json"))
CALL = "mesos.v1.master.Call"
READ = b'{"type":"READ_FILE","read_file":{"path":"/a","offset":0}}'


def post(body, headers=JSON, target=b"/api/v1"):
    return HttpRequest(b"POST", target, headers, body)


@pytest.mark.parametrize(
    ("body", "is_equal"),
    [
        (READ, True),
        (b'{"read_file": {"offset": 0, "path": "/a"}, "type": "READ_FILE"}\n', True),
        (rb'{"type":"READ_FILE","read_file":{"path":"\u002fa","offset":0}}', True),
        (b'{"type":"GET_STATE",' + READ[1:], True),
        (READ.replace(b":0", b":-0"), True),
        (READ.replace(b":0", b':0,"length":null'), True),
        (READ.replace(b":0", b':0,"call_id":{"value":7}'), True),
        (READ.replace(b":0", b':0,"call_id":1e400'), False),
        (READ.replace(b":0", b':0,"call_id":"\\ud800"'), False),
        (READ.replace(b":0", b":0.5"), False),
        (READ.replace(b":0", b":1"), False),
        (READ.replace(b":0", b':"0"'), False),
        (READ[:-1], False),
        (READ.replace(b"/a", b"\xff"), False),
        (READ.replace(b"/a", rb"\ud800"), False),
    ],
)
def test_calls_of_the_same_meaning_are_equal(body, is_equal):
    cache = MatchCache[str](warm_lookups=0)
    cache.put(post(READ), ANY_SERVER, "match", CALL)
    assert (cache.get(post(body), ANY_SERVER) == "match") == is_equal
    assert (cache.get(post(body), ANY_SERVER) == "match") == is_equal


@pytest.mark.parametrize(
    ("request_", "scope"),
    [
        (post(b" " + READ, JSON[:1]), ANY_SERVER),
        (post(b" " + READ, JSON[1:]), ANY_SERVER),
        (post(b" " + READ, target=b"/"), ANY_SERVER),
        (post(b" " + READ), ServerScope(frozenset([1]))),
    ],
)
def test_head_and_scope_count(request_, scope):
    cache = MatchCache[str]()
    cache.put(post(READ), ANY_SERVER, "match", CALL)
    assert cache.get(request_, scope) is None
    assert cache.get(post(b" " + READ), ANY_SERVER) == "match"


def test_other_requests_are_equal_byte_by_byte():
    cache = MatchCache[str]()
    cache.put(post(READ), ANY_SERVER, "match")
    assert cache.get(post(READ), ANY_SERVER) == "match"
    assert cache.get(post(b" " + READ), ANY_SERVER) is None


def test_decoders_are_built_after_some_calls():
    cache = MatchCache[str](warm_lookups=3)
    with_id = READ.replace(b"{", b'{"id":1,', 1)
    cache.put(post(READ), ANY_SERVER, "match", CALL)
    assert cache.get(post(with_id), ANY_SERVER) is None
    assert cache.get(post(b" " + READ), ANY_SERVER) == "match"
    cache.put(post(READ), ANY_SERVER, "match", CALL)
    assert cache.get(post(with_id), ANY_SERVER) == "match"


def test_the_cache_holds_what_was_used_last_up_to_a_number_of_bytes():
    cache = MatchCache[int](max_bytes=16 * 1024)
    cache.put(post(b"used"), ANY_SERVER, -1)
    for number in range(100):
        cache.put(post(b"%d" % number), ANY_SERVER, number)
        assert cache.get(post(b"used"), ANY_SERVER) == -1
    assert cache.get(post(b"0"), ANY_SERVER) is None
    assert cache.get(post(b"99"), ANY_SERVER) == 99
    cache.put(post(b"x" * 100_000), ANY_SERVER, 0)
    assert cache.get(post(b"x" * 100_000), ANY_SERVER) is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 2**63, 2**64, 10**30, 0.0, -0.0, 1.0, 1e16, 1e-9])
    | st.sampled_from(["", "a", "READ_FILE", "é", "\ud800", "/a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "path", "offset", "é", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
CALLS = st.fixed_dictionaries(
    {"type": st.sampled_from(["READ_FILE", "GET_STATE"])},
    optional={"read_file": VALUES, "x": VALUES},
)


@given(CALLS, CALLS, st.randoms(), st.booleans(), st.sampled_from([0, 1, 100]))
@settings(max_examples=500, deadline=None)
def test_calls_found_by_their_meaning_have_the_same_key(one, other, random, is_ascii, warm):
    def written(value):
        items = list(value.items())
        if random.random() < 0.5:
            items.append(("call_id", random.choice([1, "x", {"a": [None]}])))
        random.shuffle(items)
        indent = random.choice([None, 1])
        text = json.dumps(dict(items), indent=indent, ensure_ascii=is_ascii)
        return text.encode("utf-8", "surrogatepass")

    first, second = post(written(one)), post(written(random.choice([one, other])))
    key = parse_request(first, "master").key
    cache = MatchCache[object](warm_lookups=warm)
    cache.put(first, ANY_SERVER, key, CALL if isinstance(key, CallKey) else None)
    found = cache.get(second, ANY_SERVER)
    assert found is None or found == parse_request(second, "master").key
