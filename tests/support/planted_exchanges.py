"""HTTP exchanges with a secret of its own in every place where Mesos traffic has one.

planting = PlantedExchanges("json")
planting.exchanges()
planting.source.secrets        every secret, by the name of its place
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.proto import recordio
from mesotape.proto.api.negotiation import JSON, PROTOBUF
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import Encoding
from support.planted_messages import PlantedMessages
from support.planted_plain import Fields, PlantedExchange, PlantedPlainExchanges
from support.planted_secrets import SecretSource, to_base64


class PlantedExchanges:
    """Builds exchanges in one encoding. Equal seeds give equal secrets."""

    def __init__(self, encoding: Encoding, seed: int = 0) -> None:
        self.source = SecretSource(f"{encoding} {seed}")
        self.secret, self.password = self.source.secret, self.source.password
        self.token = self.source.token
        self._messages = PlantedMessages(self.source)
        self._encoding = encoding
        self._type = JSON if encoding == "json" else PROTOBUF

    def exchanges(self) -> list[PlantedExchange]:
        """Return all exchanges; some repeat the secrets of earlier ones."""
        return [
            *(PlantedPlainExchanges(self.source).exchanges() if self._encoding == "json" else ()),
            *self._scheduler_exchanges(),
            *self._agent_exchanges(),
            *self._master_exchanges(),
            *self._repeating_exchanges(),
        ]

    def _headers(self) -> Fields:
        return [("Content-Type", self._type), ("Accept", self._type)]

    def _encode(self, message: str, value: Mapping[str, Any]) -> bytes:
        text = json.dumps(value, separators=(",", ":")).encode()
        if self._encoding == "json":
            return text
        return mapping.decode(text, message).SerializeToString()

    def _call(
        self,
        path: str,
        message: str,
        call: Mapping[str, Any],
        response: Mapping[str, Any] | None = None,
        records: Iterable[tuple[str, Mapping[str, Any]]] | None = None,
    ) -> PlantedExchange:
        body = (
            b"" if response is None else self._encode(message.replace("Call", "Response"), response)
        )
        framing = [("Content-Length", str(len(body)))]
        if records is not None:
            framing = [("Transfer-Encoding", "chunked")]
        return PlantedExchange(
            name=f"{message} {call['type']}",
            method="POST",
            target=path,
            request_headers=self._headers(),
            request_body=self._encode(message, call),
            status=202 if response is None and records is None else 200,
            response_headers=[("Content-Type", self._type), *framing],
            response_body=body,
            records=tuple(
                recordio.encode(self._encode(name, record)) for name, record in records or ()
            ),
            is_stream=records is not None,
        )

    def _scheduler_exchanges(self) -> Iterator[PlantedExchange]:
        path, call, event = (
            "/master/api/v1/scheduler",
            "mesos.v1.scheduler.Call",
            "mesos.v1.scheduler.Event",
        )
        update = {
            "task_id": {"value": "t-1"},
            "state": "TASK_RUNNING",
            "message": f"failed: token={self.secret('status message')}",
            "data": to_base64(
                json.dumps([{"Config": {"Env": [f"X={self.secret('status data')}"]}}])
            ),
            "labels": self._messages.labels("status"),
            "uuid": to_base64("0123456789abcdef"),
        }
        message = {
            "agent_id": {"value": "a-1"},
            "executor_id": {"value": "e-1"},
            "data": to_base64(f'{{"password": "{self.secret("event message")}"}}'),
        }
        error = f"bad secret={self.secret('error event')}"
        yield self._call(
            path,
            call,
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": self._messages.framework_info()}},
            records=[
                (event, {"type": "UPDATE", "update": {"status": update}}),
                (event, {"type": "MESSAGE", "message": message}),
                (event, {"type": "ERROR", "error": {"message": error}}),
            ],
        )
        yield self._call(
            path,
            call,
            {
                "type": "ACCEPT",
                "framework_id": {"value": "f-1"},
                "accept": {
                    "offer_ids": [{"value": "o-1"}],
                    "operations": [
                        {"type": "LAUNCH", "launch": {"task_infos": [self._messages.task()]}}
                    ],
                },
            },
        )
        yield self._call(
            path,
            call,
            {
                "type": "MESSAGE",
                "framework_id": {"value": "f-1"},
                "message": {
                    "agent_id": {"value": "a-1"},
                    "executor_id": {"value": "e-1"},
                    "data": to_base64(f"login {self.token('call message')}"),
                },
            },
        )

    def _agent_exchanges(self) -> Iterator[PlantedExchange]:
        path, call = "/slave(1)/api/v1", "mesos.v1.agent.Call"
        process_io = "mesos.v1.agent.ProcessIO"
        container_id = {"value": "c", "parent": {"value": "p"}}

        def output(text: str) -> tuple[str, Mapping[str, Any]]:
            return process_io, {"type": "DATA", "data": {"type": "STDOUT", "data": to_base64(text)}}

        yield self._call(
            path,
            call,
            {
                "type": "LAUNCH_NESTED_CONTAINER_SESSION",
                "launch_nested_container_session": {
                    "container_id": container_id,
                    "command": self._messages.command("session"),
                    "container": self._messages.container("session"),
                },
            },
            records=[
                output(f"AWS_SECRET_ACCESS_KEY={self.secret('output assignment')}\n"),
                output(f"ok {self.token('output token')} ok\n"),
                output(f"mysql://root:{self.secret('output url')}@db/x"),
                output(
                    "-----BEGIN RSA PRIVATE KEY-----\n"
                    f"{self.secret('output private key')}\n-----END RSA PRIVATE KEY-----\n"
                ),
                output(f"Authorization: Bearer {self.secret('output bearer')}\n"),
            ],
        )
        yield self._call(
            path,
            call,
            {"type": "READ_FILE", "read_file": {"path": "/f", "offset": 0}},
            {
                "type": "READ_FILE",
                "read_file": {
                    "size": 99,
                    "data": to_base64(
                        f"user: me\npassword: {self.secret('file assignment')}\n"
                        f"key {self.token('file token')}\n"
                    ),
                },
            },
        )
        yield self._call(
            path,
            call,
            {"type": "GET_FLAGS"},
            {
                "type": "GET_FLAGS",
                "get_flags": {
                    "flags": [
                        {"name": "docker_config", "value": self.secret("flag")},
                        {
                            "name": "zk",
                            "value": f"zk://ops:{self.secret('flag url')}@h:2181/mesos",
                        },
                        {
                            "name": "default_container_info",
                            "value": json.dumps({"a": self.secret("flag json")}),
                        },
                        {"name": "modules", "value": f"x,{self.secret('flag modules')}"},
                    ]
                },
            },
        )

    def _master_exchanges(self) -> Iterator[PlantedExchange]:
        """On the path of a master, while the recorder believes that the server is an agent."""
        state = {
            "type": "GET_FRAMEWORKS",
            "get_frameworks": {
                "frameworks": [
                    {
                        "framework_info": {
                            "user": "u",
                            "name": "f",
                            "webui_url": f"http://h/?access_token={self.secret('state webui')}",
                            "labels": self._messages.labels("state framework"),
                        },
                        "active": True,
                        "connected": True,
                        "recovered": False,
                    }
                ]
            },
        }
        yield self._call(
            "/master/api/v1", "mesos.v1.master.Call", {"type": "GET_FRAMEWORKS"}, state
        )

    def _repeating_exchanges(self) -> Iterator[PlantedExchange]:
        """The secrets of before once more, in texts where nothing else gives them away."""
        known = list(self.source.secrets.values())
        texts = {
            "plain": " ".join(known),
            "percent": " ".join(quote(each, safe="") for each in known),
            "escaped": json.dumps(json.dumps(known)),
            "base64": " ".join(to_base64(each) for each in known),
            "shifted": " ".join(
                to_base64("a" + each) + " " + to_base64("ab" + each) for each in known
            ),
            "twice": " ".join(to_base64(to_base64(each)) for each in known),
        }
        for name, text in texts.items():
            yield PlantedExchange(
                f"repeated {name}",
                "GET",
                "/x",
                [("X-Echo", known[0])],
                b"",
                400,
                [("Content-Type", "text/plain")],
                f"Failed to parse: {text}".encode(),
            )


def observe(
    exchanges: Iterable[PlantedExchange], cut: int | None = None
) -> Iterator[AnyObservation]:
    """Iterate over what a recorder observes; each stream is cut in two chunks after `cut` bytes."""
    for number, one in enumerate(exchanges, 1):
        at = float(number)
        yield RequestHead(
            number, at, 1, None, one.method, one.target, "HTTP/1.1", one.request_headers
        )
        if one.request_body:
            yield BodyData(number, at, "client", one.request_body)
        yield RequestEnd(number, at)
        yield ResponseHead(number, at, one.status, "OK", one.response_headers)
        body = b"".join(one.records) or one.response_body
        chunks = one.records or (body,)
        if one.records and cut is not None:
            chunks = (body[:cut], body[cut:])
        yield from (BodyData(number, at, "server", chunk) for chunk in chunks if chunk)
        yield ExchangeEnd(number, at, "server")
