"""One form of an address for printing, comparing, Host and Location."""

import pytest

from mesotape.proto.http.address import Address, ServerUrl, is_authority

FORMS = [
    # text, scheme, host, port, printed, in Host
    ("a:80", "http", "a", 80, "a:80", "a"),
    ("a", "http", "a", 80, "a:80", "a"),
    ("a", "https", "a", 443, "a:443", "a"),
    ("a:80", "https", "a", 80, "a:80", "a:80"),
    ("a:443", "http", "a", 443, "a:443", "a:443"),
    ("Master.Example:5050", "http", "master.example", 5050, *["master.example:5050"] * 2),
    ("master.example.:5050", "http", "master.example.", 5050, *["master.example.:5050"] * 2),
    ("mesos_master-1:5050", "http", "mesos_master-1", 5050, *["mesos_master-1:5050"] * 2),
    ("127.0.0.1:5050", "http", "127.0.0.1", 5050, *["127.0.0.1:5050"] * 2),
    ("[::1]:5050", "http", "::1", 5050, *["[::1]:5050"] * 2),
    ("[::1]", "http", "::1", 80, "[::1]:80", "[::1]"),
    ("[0:0::0:1]:5050", "http", "::1", 5050, *["[::1]:5050"] * 2),
    ("[2001:DB8::A]:5050", "http", "2001:db8::a", 5050, *["[2001:db8::a]:5050"] * 2),
    ("[FE80::1%eth0]:5050", "http", "fe80::1%eth0", 5050, "[fe80::1%eth0]:5050", "[fe80::1]:5050"),
    ("[::ffff:10.0.0.1]:5050", "http", "10.0.0.1", 5050, *["10.0.0.1:5050"] * 2),
]


@pytest.mark.parametrize(("text", "scheme", "host", "port", "printed", "in_host"), FORMS)
def test_an_address_has_one_form(
    text: str, scheme: str, host: str, port: int, printed: str, in_host: str
) -> None:
    address = Address.parse(text, scheme)
    assert (address.host, address.port, str(address)) == (host, port, printed)
    assert address.authority(scheme) == in_host
    assert Address.parse(str(address)) == address == (host, port)
    assert ServerUrl.parse(f"{scheme}://{text}/x?y") == (scheme, address)
    assert ServerUrl.parse(str(ServerUrl(scheme, address))) == (scheme, address)
    assert is_authority(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A", 1), ("a", 1)),
        (("a.", 1), ("a", 1)),
        (("::0:1", 1), ("::1", 1)),
        (("::ffff:127.0.0.1", 1), ("127.0.0.1", 1)),
        (("FE80::1%eth0", 1), ("fe80::1%eth0", 1)),
    ],
)
def test_forms_of_one_address_are_equal(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert Address(*one) == Address(*other)
    assert (Address(*one) != Address(*other)) is False
    assert hash(Address(*one)) == hash(Address(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", 1), ("a", 2)),
        (("a", 1), ("b", 1)),
        (("a..", 1), ("a", 1)),
        (("fe80::1%eth0", 1), ("fe80::1%eth1", 1)),
        (("fe80::1%ETH0", 1), ("fe80::1%eth0", 1)),
        (("::1", 1), ("127.0.0.1", 1)),
    ],
)
def test_other_addresses_differ(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert Address(*one) != Address(*other)
    assert (Address(*one) == Address(*other)) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5050",
        "a:",
        "a:-1",
        "a:65536",
        "a:0",
        "a:٣",
        "é:1",
        "::1",
        "::1:5050",
        "[::1",
        "[a]:1",
        "[::1%]:1",
        "a b:1",
        "u@a:1",
        "a\r\nX: 1",
        "a/b",
        "a:1:2",
        "[::1]5050",
    ],
)
def test_other_texts_are_not_an_address(text: str) -> None:
    assert not is_authority(text)
    with pytest.raises(ValueError, match="expected HOST:PORT, like 127"):
        Address.parse(text, "http")


@pytest.mark.parametrize("text", ["a", "[::1]", "127.0.0.1"])
def test_without_a_scheme_the_port_is_needed(text: str) -> None:
    assert is_authority(text)
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        Address.parse(text)


def test_port_0_is_for_listening() -> None:
    assert Address.parse("127.0.0.1:0") == ("127.0.0.1", 0)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a:5050",
        "ftp://a:5050",
        "http://",
        "http://:5050",
        "http://a:x",
        "http://a:0",
        "http://a:65536",
        "http://u:p@a:5050",
        "http://[::1:5050",
        "http://::1:5050",
    ],
)
def test_other_texts_are_not_the_url_of_a_server(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL like http://master"):
        ServerUrl.parse(url)


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("http://[fe80::1%25eth0]:5050", "http://[fe80::1%eth0]:5050"),
        ("HTTPS://Master.Example", "https://master.example:443"),
        ("http://a:/", "http://a:80"),
        ("http://bücher.example:5050", "http://xn--bcher-kva.example:5050"),
    ],
)
def test_a_url_has_one_form(url: str, printed: str) -> None:
    assert str(ServerUrl.parse(url)) == printed
