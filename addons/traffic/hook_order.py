"""Hooks that run before or after those of all other addons."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from mitmproxy import addonmanager, ctx, http
from mitmproxy.addons.tlsconfig import TlsConfig

from .guard import Guard
from .shortcuts import dispatcher

type Hooks = Mapping[str, Sequence[Callable[[http.HTTPFlow], None]]]
"""The functions of each hook, in order."""


class HookOrder:
    """Calls the hooks `first` before those of all addons, and `last` after them, while active.

    They are not registered as addons, as which they would be loaded and ended.
    """

    # The chain is replaced and never changed, because mitmproxy may be iterating over it.

    def __init__(self, first: Hooks, last: Hooks, guard: Guard) -> None:
        self._first, self._last = (
            SimpleNamespace(**{name: guard.wrap(*functions) for name, functions in hooks.items()})
            for hooks in (first, last)
        )

    def activate(self) -> None:
        """Put both in place; again, if an addon was added since."""
        chain = _addon_manager().chain
        if chain[0] is not self._first or chain[-1] is not self._last:
            _addon_manager().chain = [self._first, *self._others(), self._last]
            _addon_manager().trigger_event = dispatcher(_addon_manager())

    def deactivate(self) -> None:
        """Remove both."""
        _addon_manager().chain = self._others()

    def is_hook_used(self, name: str, own: object) -> bool:
        """Return whether an addon other than `own` has a hook in which it may read a body."""
        manager: Any = addonmanager
        ours = own, self._first, self._last
        return any(
            hasattr(addon, name)
            and not any(addon is one for one in ours)
            and not isinstance(addon, TlsConfig)  # That answers one path alone.
            for addon in manager.traverse(_addon_manager().chain)
        )

    def _others(self) -> list[object]:
        ends = self._first, self._last
        return [one for one in _addon_manager().chain if not any(one is end for end in ends)]


def _addon_manager() -> Any:  # mitmproxy does not declare its types.
    return ctx.master.addons
