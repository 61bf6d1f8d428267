"""The rules of redaction, each with a stable id, and which of them are in use.

A rule is known by its id in the header of a cassette, in `--no-redact ID`, and in the output of
`mesotape scan`. Own rules (`--redact-rules FILE`) add to them.
"""

from collections.abc import Iterable, Mapping
from typing import Self

from msgspec import Struct

from ..format.closest_word import nearest_hint
from .value_shapes import VALUE_SHAPES, ValueShape

PLACE_RULES = {
    "authorization": "the header Authorization, after its scheme",
    "proxy-authorization": "the header Proxy-Authorization, after its scheme",
    "cookie": "the headers Cookie and Cookie2: values, not names",
    "set-cookie": "the headers Set-Cookie and Set-Cookie2: values, not names or attributes",
    "challenge": "the headers WWW-Authenticate, Proxy-Authenticate, Authentication-Info and"
    " Proxy-Authentication-Info: all parameters but the realm",
    "websocket-protocol": "the header Sec-WebSocket-Protocol",
    "secret-header": "headers with the name of a secret, such as X-Api-Key",
    "url-password": "passwords in URLs",
    "url-query": "parameters of URLs and forms with the name of a secret",
    "environment": "values of environment variables",
    "secret-value": "the data of a Secret",
    "command-line": "arguments in command lines",
    "uri": "passwords and all parameters of a command's URIs",
    "flag": "flags of a server, except those known to be harmless",
    "task-data": "the data of tasks, executors and task statuses",
    "secret-name": "labels, parameters and JSON members with the name of a secret",
    "assignment": "`name=value` and `name: value` in any text, with the name of a secret",
    "undecodable": "bodies in a content coding that cannot be undone",
    "known-value": "a secret that another rule found before, wherever and however it is written",
}
"""Rules for places, by id."""

RULE_IDS = tuple(dict.fromkeys((*PLACE_RULES, *(shape.id for shape in VALUE_SHAPES))))

ALWAYS_ON = frozenset(("known-value",))
"""Rules that need others to find something."""


class OwnRule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rule of a user: exactly one of `value` and `name`, each a regular expression.

    `value` is searched in every text; its group `secret`, or all of it, is replaced. `name` is
    searched in the names of headers, labels, variables, parameters and JSON members.
    """

    id: str
    value: str | None = None
    name: str | None = None
    description: str = ""


class RuleSet(Struct, frozen=True):
    """The rules in use. With `empties_data`, all opaque data is replaced."""

    ids: frozenset[str] = frozenset(RULE_IDS)
    own: tuple[OwnRule, ...] = ()
    empties_data: bool = False

    @classmethod
    def select(
        cls,
        without: Iterable[str] = (),
        own: Iterable[OwnRule] = (),
        *,
        empties_data: bool = False,
    ) -> Self:
        """Return all rules but some. Raises ValueError for an id that cannot be left out."""
        own = tuple(own)
        without = frozenset(without)
        known = {*RULE_IDS, *(rule.id for rule in own)}
        for rule in sorted(without - known):
            raise ValueError(f"{rule!r} is not a rule of redaction{nearest_hint(rule, known)}")
        for rule in sorted(without & ALWAYS_ON):
            raise ValueError(f"{rule!r} cannot be left out: leave out the rules that find secrets")
        own = tuple(rule for rule in own if rule.id not in without)
        return cls(frozenset(RULE_IDS) - without, own, empties_data)

    def all_ids(self) -> list[str]:
        """Return the ids of the rules in use, in the order of the table, own ones last."""
        return [*(rule for rule in RULE_IDS if rule in self.ids), *(rule.id for rule in self.own)]

    def value_shapes(self) -> list[ValueShape]:
        """Return the shapes in use; an own rule has no keywords, so it is always tried."""
        own = [
            ValueShape(rule.id, rule.description, (), rule.value)
            for rule in self.own
            if rule.value is not None
        ]
        return [*(shape for shape in VALUE_SHAPES if shape.id in self.ids), *own]


def counts_text(counts: Mapping[str, int]) -> str:
    """Return how often rules fired, like `authorization 3, environment 12`; own ones last."""
    known = [rule for rule in RULE_IDS if rule in counts]
    own = sorted(counts.keys() - set(known))
    return ", ".join(f"{rule} {counts[rule]}" for rule in (*known, *own))


DEFAULT_RULES = RuleSet()
NO_RULES = RuleSet(frozenset())
