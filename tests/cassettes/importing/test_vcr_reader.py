import json
from pathlib import Path

import pytest
import yaml
from support.imported_files import FILES, imported

from mesotape.cassettes.importing.traffic import ForeignFileError
from mesotape.cassettes.interchange.losses import Losses

INTERACTION = {
    "request": {"method": "POST", "uri": "http://a:5050/api/v1", "body": "x", "headers": {}},
    "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "y"}},
}  # fmt: skip


@pytest.mark.parametrize("name", ["vcr-raw.yaml", "vcr-plain.yaml", "vcr-plain.json"])
def test_the_cassettes_of_vcrpy_are_read(name: str, tmp_path: Path) -> None:
    losses = Losses()
    with imported(FILES / name, tmp_path, losses) as cassette:
        exchanges = [*cassette.exchanges()]
        state = next(each for each in exchanges if "GET_STATE" in (each.request.json or ""))
        assert state.response.json is not None
        assert exchanges[-1].response.stream == "recordio"
        assert [event.json for event in cassette.events(len(exchanges))][2] == (
            '{\n  "type": "HEARTBEAT"\n}'
        )
        assert cassette.header.upstream == "http://127.0.0.1:35257"
        assert {each.request.headers["Host"] for each in exchanges} == {"127.0.0.1:35257"}
    assert next(iter(losses)).text.startswith("times are not in the file")


@pytest.mark.parametrize("serializer", ["yaml", "json"])
def test_both_serializers_and_the_old_list_give_the_same(serializer: str, tmp_path: Path) -> None:
    content = {"version": 1, "interactions": [INTERACTION, INTERACTION]}
    path = tmp_path / f"c.{serializer}"
    path.write_text(yaml.dump(content) if serializer == "yaml" else json.dumps(content))
    with imported(path, tmp_path) as cassette:
        assert [(each.at, each.request.text) for each in cassette.exchanges()] == [
            (0.001, "x"),
            (0.002, "x"),
        ]


def test_version_0_is_a_list_and_bodies_may_be_binary(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    answer = {"status": {"code": 200, "message": None}, "body": {"string": b"\x00\xff"}}
    path.write_text(yaml.dump([INTERACTION | {"response": answer}]))
    with imported(path, tmp_path) as cassette:
        response = cassette.exchange(1).response
    assert (response.base64, response.reason) == (b"\x00\xff", None)


def test_text_that_looks_like_a_number_is_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    request = INTERACTION["request"] | {"body": "123"}
    path.write_text(yaml.dump({"interactions": [INTERACTION | {"request": request}]}))
    with imported(path, tmp_path) as cassette:
        assert cassette.exchange(1).request.text == "123"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("interactions: 1", None),
        ("interactions: [1]", "interaction 1: Expected `object`, got `int`"),
        ("interactions: [{request: {uri: x", "interaction 1: while parsing a flow mapping"),
        ("x", "interaction 1: not a cassette of vcrpy: expected interactions"),
        (
            "interactions: [{request: {method: GET, uri: ftp://a}, response: {status: {code: 1}}}]",
            "interaction 1: uri: found 'ftp://a', expected an HTTP URL",
        ),
    ],
)
def test_a_wrong_file_is_an_error(text: str, reason: str | None, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    if reason is None:
        with imported(path, tmp_path) as cassette:
            assert len(cassette) == 0
        return
    with pytest.raises(ForeignFileError) as caught, imported(path, tmp_path):
        pass
    assert str(caught.value).startswith(reason)
