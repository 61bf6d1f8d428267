import asyncio
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mitmproxy import addonmanager, exceptions, http, options
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import tflow, tutils

from mesotape.addons.traffic.shortcuts import dispatcher, take_shortcuts

take_shortcuts()


def original(function: Any) -> Any:
    return function.__wrapped__


@pytest.mark.parametrize(
    "member", ["host", "port", "path", "headers", "timestamp_start", "content"]
)
@pytest.mark.parametrize("value", ["", 0, 1.5, True, b"", None, [], http.Headers()])
def test_types_of_the_members_of_a_message(member: str, value: object) -> None:
    message: Any = tutils.treq().data
    setattr(message, member, value)
    check = type(message).__post_init__
    assert raised_by(check, message) == raised_by(original(check), message)


def raised_by(check: Any, message: object) -> str | None:
    try:
        check(message)
    except TypeError as error:
        return str(error)
    return None


class Addon:
    """Has a hook `request` of some kind, or none."""

    def __init__(self, name: str, effects: list[str], kind: str = "") -> None:
        self.name, self._effects = name, effects
        if kind:
            self.request = ModuleType("request") if kind == "module" else getattr(self, kind)

    def log(self, _: object) -> None:
        self._effects.append(self.name)

    async def log_later(self, flow: object) -> None:
        await asyncio.sleep(0)
        self.log(flow)

    def fail(self, _: object) -> None:
        raise ValueError(self.name)

    def halt(self, _: object) -> None:
        raise exceptions.AddonHalt


def chain(effects: list[str]) -> list[object]:
    kinds = "log", "log_later", "", "module", "fail", "halt", "log"
    first, second, *others = (Addon(f"{i}", effects, kind) for i, kind in enumerate(kinds))
    return [first, second, SimpleNamespace(name="all", addons=[first, second]), *others]


def test_a_hook_is_called_in_the_addons_that_have_it(caplog: pytest.LogCaptureFixture) -> None:
    effects: list[str] = []
    manager: Any = addonmanager.AddonManager(SimpleNamespace(options=options.Options()))
    manager.chain = chain(effects)
    hook = HttpRequestHook(tflow.tflow())
    for trigger in (manager.trigger_event, dispatcher(manager)):
        effects.clear()
        caplog.clear()
        asyncio.run(trigger(hook))
        assert effects == ["0", "1", "0", "1"]
        assert [each.getMessage() for each in caplog.records] == ["Addon error: 4"]
