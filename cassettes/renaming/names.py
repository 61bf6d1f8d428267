"""The new names of a cassette: first what has a name is collected, then texts are renamed.

    names = Names()
    names.add_message('{"task_id": {"value": "app.e569076e-…"}}')
    names.rename("/tasks/app.e569076e-…/stdout")          "/tasks/task-1/stdout"

An id whose form says what it is, such as that of an offer, gets its name where it is found first.
"""

import re
from collections import defaultdict
from collections.abc import Callable

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from ...proto.messages.ids import UUID_TEXT
from . import host_texts, id_texts

_NUMERIC_IP = re.compile(r'("ip"\s*:\s*)([0-9]{1,10})(?![0-9.])')


class Names:
    """The names of ids and hosts. `renames_ids` and `renames_hosts` say which of both change."""

    def __init__(self, *, renames_ids: bool = True, renames_hosts: bool = True) -> None:
        self._renames_ids = renames_ids
        self._renames_hosts = renames_hosts
        self._names: dict[str, str] = {}
        self._values: dict[str, str] = {}  # of ids in fields: what they are the ids of
        self._taken = set[str]()
        self._masters = set[str]()
        self._hosts: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self.counts = defaultdict[str, int](int)
        self._automaton: AhoCorasick | None = None
        self._sought: list[str] = []

    def add_message(self, text: str) -> None:
        """Collect the ids and hosts in the fields of a message that is shown as JSON."""
        if self._renames_ids:
            for noun, value in id_texts.field_ids(text):
                if id_texts.is_readable(value):
                    self._taken.add(value)
                elif not _is_of_mesos(value) and not id_texts.is_numbered_uuid(value):
                    self._values.setdefault(value, noun)
        if self._renames_hosts:
            for host in host_texts.field_hosts(text):
                self.add_host(host)

    def add_text(self, text: str) -> None:
        """Collect the masters by whose ids the ids in any text begin."""
        if self._renames_ids:
            for match in UUID_TEXT.finditer(text):
                if id_texts.MESOS_SUFFIX.match(text, match.end()):
                    self._masters.add(match[0])

    def add_host(self, host: str) -> None:
        """Collect a host."""
        if (
            self._renames_hosts
            and host not in self._hosts
            and not host_texts.is_readable_host(host)
        ):
            kind = host_texts.kind_of_host(host)
            name = self._next(f"host {kind}", lambda n: host_texts.numbered_host(host, n))
            self._hosts[host] = name
            old, new = host_texts.as_number(host), host_texts.as_number(name)
            if old is not None:
                self._numbers[str(old)] = str(new)

    def seek(self) -> None:
        """Name what was collected. From now on, texts can be renamed."""
        for value, noun in self._values.items():
            self._name(value, noun)
        tokens = id_texts.TOKEN_CHARACTERS
        odd = [v for v in self._values if not (tokens.fullmatch(v) and UUID_TEXT.search(v))]
        spelled = [each for value in odd for each in {value, value.replace("/", "\\/")}]
        self._sought = [*spelled, *self._hosts]
        if self._sought:
            self._automaton = AhoCorasick(
                self._sought,
                matchkind=MatchKind.LeftmostLongest,
                implementation=Implementation.NoncontiguousNFA,
            )

    def rename(self, text: str) -> str:
        """Return a text with the new names."""
        text = self._rename_sought(text)
        return self._rename_uuids(text) if self._renames_ids else text

    def rename_message(self, text: str) -> str:
        """Return a message that is shown as JSON with the new names."""
        text = self.rename(text)
        if self._renames_ids:
            for base64 in id_texts.uuid_fields(text):
                uuid = id_texts.uuid_of(base64)
                if uuid is not None and not id_texts.is_numbered_uuid(uuid):
                    name = id_texts.base64_of(self._uuid_name(uuid))
                    text = id_texts.replace_uuid_fields(text, {base64: name})
        if self._numbers:
            text = _NUMERIC_IP.sub(lambda m: m[1] + self._numbers.get(m[2], m[2]), text)
        return text

    def is_in(self, text: str) -> bool:
        """Return whether something with another name is in a text."""
        return self.rename(text) != text

    def _rename_sought(self, text: str) -> str:
        if self._automaton is None:
            return text
        pieces: list[str] = []
        position = 0
        for index, begin, end in self._automaton.find_matches_as_indexes(text):
            value = self._sought[index]
            name = self._hosts.get(value)
            is_whole = host_texts.is_whole_host if name is not None else _is_whole_id
            if is_whole(text, begin, end):
                name = name or self._names[value.replace("\\/", "/")]
                pieces += text[position:begin], name
                position = end
        return "".join([*pieces, text[position:]])

    def _rename_uuids(self, text: str) -> str:
        pieces: list[str] = []
        position = 0
        for match in UUID_TEXT.finditer(text):
            begin, end = match.span()
            if begin < position or id_texts.is_numbered_uuid(match[0]):
                continue
            token_begin, token_end = id_texts.token_around(text, begin, end)
            name = self._names.get(text[token_begin:token_end])
            if name is None and text[token_end - 1] == ".":  # Of a sentence.
                token_end -= 1
                name = self._names.get(text[token_begin:token_end])
            if name is not None and token_begin >= position:
                begin, end = token_begin, token_end
            elif suffix := id_texts.MESOS_SUFFIX.match(text, end):
                end = suffix.end()
                noun = "agent" if suffix[1] else "offer" if suffix[2] else "framework"
                name = self._name(text[begin:end], noun)
            elif match[0] in self._masters:
                name = self._name(match[0], "master")
            else:  # Of a container also in the text of one inside it: "UUID.nested-1".
                name = self._names.get(match[0]) or self._uuid_name(match[0])
            pieces += text[position:begin], name
            position = end
        return "".join([*pieces, text[position:]]) if pieces else text

    def _name(self, value: str, noun: str) -> str:
        name = self._names.get(value)
        if name is None:
            name = self._names[value] = self._next(noun, lambda n: f"{noun}-{n}")
        return name

    def _uuid_name(self, uuid: str) -> str:
        name = self._names.get(f"uuid {uuid}")
        if name is None:
            name = self._next("uuid", id_texts.numbered_uuid)
            self._names[f"uuid {uuid}"] = name
        return name

    def _next(self, noun: str, named: Callable[[int], str]) -> str:
        while True:
            self.counts[noun] += 1
            name = named(self.counts[noun])
            if name not in self._taken:
                return name


def _is_of_mesos(value: str) -> bool:
    """Return whether the form of an id says what it is."""
    match = UUID_TEXT.match(value)
    suffix = match and id_texts.MESOS_SUFFIX.match(value, match.end())
    return suffix is not None and suffix.end() == len(value)


def _is_whole_id(text: str, begin: int, end: int) -> bool:
    return not (text[begin - 1 : begin].isalnum() or text[end : end + 1].isalnum())
