import re
from base64 import b64encode
from uuid import UUID

import pytest
from support.playback_cassettes import PROTOBUF, body_of, exchange, reason_of, request

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.faults.injection import fault_target_of
from mesotape.cassettes.matching.ignore_rules import NAMED_RULES, IgnoreError, IgnoreRules
from mesotape.cassettes.matching.request_key import MatchableRequest
from mesotape.cassettes.playback.playback import Options
from mesotape.proto.api.apis import APIS, SCHEDULER
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class

SCHEDULER_PATH = "/api/v1/scheduler"
DECLINE = b'{"framework_id":{"value":"f"},"type":"DECLINE","decline":{"offer_ids":[%b]%b}}'


def acknowledge(task, number):
    uuid = b64encode(UUID(int=number, version=4).bytes)
    return (
        b'{"framework_id":{"value":"f"},"type":"ACKNOWLEDGE","acknowledge":{"agent_id":'
        b'{"value":"a"},"task_id":{"value":"%b"},"uuid":"%b"}}'
    ) % (task, uuid)


def calling(body, **headers):
    return request(body, path=SCHEDULER_PATH, **headers)


def in_protobuf(body):
    data = mapping.decode(body, SCHEDULER.call_message).SerializeToString()
    return calling(data, content_type=PROTOBUF)


@pytest.mark.parametrize(
    "rule",
    ["ACKNOWLEDGE:acknowledge.uuid", "*:acknowledge.uuid", "ACKNOWLEDGE:acknowledge", "uuids"],
)
@pytest.mark.parametrize("send", [calling, in_protobuf])
def test_an_ignored_field_may_differ_in_either_encoding(play, rule, send):
    recorded = exchange(1, acknowledge(b"t", 1), path=SCHEDULER_PATH)
    playback = play(recorded, ignore=[rule])
    assert playback.answer(send(acknowledge(b"t", 2)), 0.0).status == 202


def test_other_fields_still_count(play):
    recorded = exchange(1, acknowledge(b"t", 1), path=SCHEDULER_PATH)
    playback = play(recorded, ignore=["uuids"])
    miss = playback.answer(calling(acknowledge(b"u", 2)), 0.0)
    assert reason_of(miss) == "differs"
    (near,) = miss.nearest
    assert [str(each) for each in near.differences] == ['acknowledge.task_id.value: "t" → "u"']


def test_an_ignored_field_may_be_absent(play):
    recorded = exchange(
        1, DECLINE % (b'{"value":"O1"}', b',"filters":{"refuse_seconds":1.5}'), path=SCHEDULER_PATH
    )
    playback = play(recorded, ignore=["filters"])
    assert playback.answer(calling(DECLINE % (b'{"value":"O1"}', b"")), 0.0).status == 202


def test_the_number_of_ignored_ids_counts(play):
    recorded = exchange(1, DECLINE % (b'{"value":"O1"}', b""), path=SCHEDULER_PATH)
    two = calling(DECLINE % (b'{"value":"O1"},{"value":"O2"}', b""))
    one = calling(DECLINE % (b'{"value":"O9"}', b""))
    playback = play(recorded, ignore=["offer-ids"])
    assert reason_of(playback.answer(two, 0.0)) == "differs"
    assert playback.answer(one, 0.0).status == 202


def test_fields_of_all_elements_of_a_list_are_ignored(play):
    recorded = exchange(1, DECLINE % (b'{"value":"O1"},{"value":"O2"}', b""), path=SCHEDULER_PATH)
    playback = play(recorded, ignore=["DECLINE:decline.offer_ids[].value"])
    sent = calling(DECLINE % (b'{"value":"O3"},{"value":"O4"}', b""))
    assert playback.answer(sent, 0.0).status == 202


def test_a_field_that_is_ignored_in_one_call_counts_in_others(play):
    kill = b'{"framework_id":{"value":"f"},"type":"KILL","kill":{"task_id":{"value":"%b"}}}'
    playback = play(
        exchange(1, acknowledge(b"t", 1), path=SCHEDULER_PATH),
        exchange(2, kill % b"t", path=SCHEDULER_PATH),
        ignore=["ACKNOWLEDGE:acknowledge.task_id"],
    )
    assert playback.answer(calling(acknowledge(b"u", 1)), 0.0).status == 202
    assert reason_of(playback.answer(calling(kill % b"u"), 0.0)) == "differs"


def test_a_parameter_of_a_plain_request_is_ignored(play):
    playback = play(
        exchange(1, "", "status: 200\n  text: v", method="GET", path="/state?jsonp=a&x=1"),
        ignore=["query.jsonp"],
    )
    for query in ("x=1&jsonp=b", "x=1", "jsonp&x=1"):
        sent = request(b"", method="GET", path=f"/state?{query}", content_type=None)
        assert body_of(playback.answer(sent, 0.0)) == b"v"
    sent = request(b"", method="GET", path="/state?x=2", content_type=None)
    assert reason_of(playback.answer(sent, 0.0)) == "differs"


def test_an_ignored_parameter_does_not_change_what_the_seed_of_faults_draws():
    ignoring = IgnoreRules(["query.jsonp"])

    def draw_key(query):
        sent = request(b"", method="GET", path=f"/state?{query}", content_type=None)
        matchable = MatchableRequest(sent, ignoring)
        return fault_target_of(matchable, ["master"], ignoring.comparable_calls).draw_key

    assert draw_key("x=1&jsonp=a") == draw_key("x=1&jsonp=b") != draw_key("x=2&jsonp=a")


def test_calls_that_differ_in_ignored_fields_share_their_answers(play):
    answers = [
        exchange(n, acknowledge(b"t", n), f"status: 202\n  text: '{n}'", path=SCHEDULER_PATH)
        for n in (1, 2)
    ]
    playback = play(*answers, ignore=["uuids"])
    sent = calling(acknowledge(b"t", 9))
    assert [body_of(playback.answer(sent, 0.0)) for _ in range(2)] == [b"1", b"2"]
    assert reason_of(playback.answer(sent, 0.0)) == "already played"


def test_container_input_matches_whatever_the_container_id_if_it_is_ignored(play):
    call = '{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":%s}'

    def head(name):
        inner = f'{{"type":"CONTAINER_ID","container_id":{{"value":"{name}"}}}}'
        text = call % inner
        return f"{len(text)}\n{text}"

    body = head("c")
    recorded = exchange(1, "", content_type="application/recordio", server="agent").replace(
        "application/recordio", "application/recordio\n    Message-Content-Type: application/json"
    )
    recorded = recorded.replace("\n  \nresponse", "\n  stream: recordio\nresponse")
    text = body.partition("\n")[2]
    shown = f"---\nevent: 1\nof: 1\nat: 0.0\nfrom: client\ntext: '{text}'\n...\n"
    kinds = {"content_type": "application/recordio", "Message_Content_Type": "application/json"}
    other = request(head("d").encode(), **kinds)
    strict = play(recorded, shown, server="agent")
    assert reason_of(strict.answer(other, 0.0)) == "differs"
    ignoring = play(recorded, shown, server="agent", ignore=["container-ids"])
    assert isinstance(ignoring.answer(other, 0.0), ReplayResponse)


@pytest.mark.parametrize("name", NAMED_RULES)
def test_every_named_rule_is_valid(name):
    assert str(IgnoreRules([name]))
    description, _ = NAMED_RULES[name]
    assert description


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_the_given_calls_are_not_changed(api):
    call = message_class(api.call_message)(type=1)
    before = call.SerializePartialToString()
    IgnoreRules([*NAMED_RULES, "*:type"]).comparable_calls((call,), api)
    assert call.SerializePartialToString() == before


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("uuid", "expected TYPE:path, query.NAME or one of .*; the nearest is uuids"),
        ("", "expected TYPE:path, query.NAME or one of "),
        ("query.", "expected TYPE:path, query.NAME or one of "),
        (
            "ACKNOWLEDG:acknowledge.uuid",
            "no v1 API has a call 'ACKNOWLEDG'; the nearest is ACKNOWLEDGE$",
        ),
        (
            "ACKNOWLEDGE:acknowledge.uid",
            "scheduler call ACKNOWLEDGE has no field acknowledge.uid; "
            "the nearest is acknowledge.uuid$",
        ),
        (
            "ACKNOWLEDGE:uuid",
            "scheduler call ACKNOWLEDGE has no field uuid; the nearest is acknowledge.uuid$",
        ),
        (
            "ACCEPT:accept.operations[].launch.task_infos[].comand",
            r"scheduler call ACCEPT has no field .*; the nearest is "
            r"accept\.operations\[\]\.launch\.task_infos\[\]\.command$",
        ),
        (
            "ACCEPT:accept[].offer_ids",
            r"has no field accept\[\]\.offer_ids; the nearest is accept\.offer_ids\[\]$",
        ),
        (
            "ACCEPT:accept.offer_ids[0].value",
            r"'accept.offer_ids\[0\].value' is not a path, "
            r"expected one like accept\.offer_ids\[\]\.value$",
        ),
        ("ACCEPT:", "'' is not a path"),
        ("*:no_such_thing", "no v1 call has field no_such_thing; the nearest is "),
        ("ACCEPT:type.x", "has no field type.x; the nearest is "),
    ],
)
def test_the_error_of_a_rule_that_fits_nothing_has_the_nearest_one(rule, text):
    with pytest.raises(IgnoreError, match=f"^ignore {re.escape(rule)}: .*{text}"):
        Options(ignore=[rule])


@pytest.mark.parametrize("rule", ["A" * 100_000, "ACCEPT:" + "a" * 100_000, ("B" * 99_999) + ":x"])
def test_a_long_rule_is_cut_in_the_error(rule):
    with pytest.raises(IgnoreError) as error:
        Options(ignore=[rule])
    assert len(str(error.value)) < 600
    assert "\n" not in str(error.value)
