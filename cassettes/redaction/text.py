"""Looking into one text: what looks like a secret, what is named as one, what was one before.

A text may be anything: a value of a header, a string in JSON, a file. Cheap searches for keywords
decide whether there is anything to do, since most texts have no secret.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from ..known_secrets.placeholders import PLACEHOLDER
from ..known_secrets.secrets import Secrets
from ..known_secrets.suspects import SuspectSearch
from . import names
from .edits import Edit, apply_edits, replace_matches
from .rules import RuleSet
from .urls import redact_query, redact_user_info
from .value_shapes import ValueShape

_NAME = re.compile(
    r"(?<![\w.-])(?:(?P<option>--)?(?P<name>[A-Za-z][\w.-]{0,127}))"
    r"(?P<sign>\\{0,3}[\"']?[ \t]{0,3}(?:=>|:=|=|:)[ \t]{0,3}\\{0,3}[\"']?"
    r"|(?(option)[ \t]{1,3}|(?!)))"
)
"""A name and what stands between it and its value."""

_VALUE = re.compile(r"[^\s\"'&;,<>\\{}\[\]()]{3,4096}")
_RANDOM = re.compile(r"[0-9_/+=!#$%^*~-]|[a-z][A-Z]")
_BASE64_DIGIT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_REPLACED = re.compile(r"[\W_]{0,16}REDACTED(?:-[0-9]{1,9})?[\W_]{0,16}")
"""A placeholder, or as much of it as an expression matches."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")
_MAX_SEARCHED_BYTES = 256

_RECORD_LENGTH = re.compile(rb"([0-9]{1,10})\n")
_BEGINS_RECORD = re.compile(r"[0-9]{1,10}\n")
_BEGINS_JSON = re.compile(r"\A\s*+[{\[]")
_NO_KEYWORD = ""
_MAX_DEPTH = 3
_MAX_NESTING = 8
"""JSON in strings of JSON, and in base64 in it."""


class TextRedactor:
    """Redacts texts. `counts` has how often each rule fired; `secrets` is shared by all places.

    `on_found` is called with the rule each time that one fires.
    A text with one of `more_keywords`, in lower case, is suspect too. `redact_json` is called for
    texts that may be JSON, and `redact_message` for bytes that may be protobuf.
    """

    def __init__(
        self,
        rules: RuleSet,
        secrets: Secrets,
        counts: Counter[str],
        more_keywords: tuple[str, ...] = (),
    ) -> None:
        self.rules = rules
        self.secrets = secrets
        self.counts = counts
        self.on_found: Callable[[str], None] | None = None
        self.redact_json: Callable[[str], str] = str
        self.redact_message: Callable[[bytes], bytes | None] = bytes
        self._nesting = 0
        self._shapes = rules.value_shapes()
        self._shapes_of = defaultdict[str, list[int]](list)  # numbers, by keyword
        for number, shape in enumerate(self._shapes):
            for keyword in shape.keywords or (_NO_KEYWORD,):
                self._shapes_of[keyword].append(number)
        self._own_names = [
            (rule.id, re.compile(rule.name)) for rule in rules.own if rule.name is not None
        ]
        keywords = {"://", ":\\/\\/", *names.KEYWORDS, *more_keywords}
        self.suspects = SuspectSearch(
            keywords.union(*(shape.keywords for shape in self._shapes)),
            secrets,
            suspects_all=bool(self._own_names) or any(not s.keywords for s in self._shapes),
        )

    def count(self, rule: str) -> None:
        """Count that a rule fired."""
        self.counts[rule] += 1
        if self.on_found is not None:
            self.on_found(rule)

    def replace(self, rule: str, secret: str, *, is_certain: bool = True) -> str:
        """Return the placeholder of a secret that a rule found, and count it."""
        if not secret or ("REDACTED" in secret and _REPLACED.fullmatch(secret)):
            return secret
        self.count(rule)
        return self.secrets.placeholder(secret, is_certain=is_certain)

    def replace_bytes(self, rule: str, secret: bytes) -> bytes:
        """Return the placeholder of bytes that a rule found, and count it."""
        if not secret or (len(secret) < 20 and secret.startswith(b"REDACTED-")):
            return secret
        self.count(rule)
        return self.secrets.placeholder(secret, is_certain=rule != "task-data").encode()

    def name_rule(self, name: str) -> str | None:
        """Return the rule for which a name is that of a secret; None if it is not."""
        for rule, expression in self._own_names:
            if expression.search(name):
                return rule
        return "secret-name" if names.is_secret_name(name) and self._is_on("secret-name") else None

    def redact_text(self, text: str, depth: int = 0) -> str:
        """Return a text without the secrets in it; the same object if there are none."""
        data = text.encode("utf-8", "surrogatepass")
        if not self.suspects.is_suspect(data):
            return text
        words = self.suspects.words(data)
        del data  # which may be large
        redacted = self._redact_shapes(self._redact_structure(text), words)
        if "://" in words and self._is_on("url-password"):
            redacted = redact_user_info(
                redacted, lambda secret: self.replace("url-password", secret)
            )
        if not words.isdisjoint(names.KEYWORDS):
            redacted = self._redact_named(redacted)
        redacted = self.redact_known(redacted, depth)
        return text if redacted == text else redacted

    def redact_bytes(self, data: bytes, depth: int = 0) -> bytes:
        """Return bytes without the secrets in them; the same object if there are none."""
        if is_binary(data) and (redacted := self._redact_binary(data)) is not None:
            return redacted
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
            redacted = self.redact_text(text, depth)
            return data if redacted is text else redacted.encode("latin-1", "replace")
        redacted = self.redact_text(text, depth)
        return data if redacted is text else redacted.encode()

    def _redact_binary(self, data: bytes) -> bytes | None:
        """Redact records or a message in protobuf by their structure; None if they are neither."""
        if self._nesting >= _MAX_NESTING:
            return None
        self._nesting += 1
        try:
            is_record = _RECORD_LENGTH.match(data) is not None
            redacted = self._redact_records(data) if is_record else self.redact_message(data)
            return data if redacted == data else redacted
        finally:
            self._nesting -= 1

    def redact_base64(self, text: str, depth: int = 0) -> str:
        """Return base64 in which the secrets of the decoded bytes are replaced."""
        try:
            data = b64decode(text, validate=True)
        except (Base64Error, ValueError):
            return self.redact_text(text, depth)
        redacted = self.redact_bytes(data, depth + 1)
        return text if redacted is data else b64encode(redacted).decode()

    def _redact_structure(self, text: str) -> str:
        """Redact records and JSON by their structure, if that is what a text is."""
        if self._nesting >= _MAX_NESTING:
            return text
        self._nesting += 1
        try:
            if _BEGINS_RECORD.match(text) is not None:
                data = self._redact_records(text.encode("utf-8", "surrogatepass"))
                return data.decode("utf-8", "surrogatepass")
            return text if _BEGINS_JSON.match(text) is None else self.redact_json(text)
        finally:
            self._nesting -= 1

    def _redact_records(self, data: bytes) -> bytes:
        """Redact each record of a piece of RecordIO; one that is not whole keeps its length."""
        pieces: list[bytes] = []
        position = 0
        while (length := _RECORD_LENGTH.match(data, position)) is not None:
            begin, position = length.end(), length.end() + int(length[1])
            record = self.redact_bytes(data[begin:position])
            is_whole = position <= len(data)
            pieces += [b"%d\n" % len(record) if is_whole else length.group(), record]
        return b"".join([*pieces, self.redact_bytes(data[position:])])

    def _is_on(self, rule: str) -> bool:
        return rule in self.rules.ids

    def _redact_shapes(self, text: str, words: set[str]) -> str:
        found = {number for word in (*words, _NO_KEYWORD) for number in self._shapes_of[word]}
        for shape in (self._shapes[number] for number in sorted(found)):
            text = replace_matches(shape.expression, text, partial(self._without_secret, shape))
        return text

    def _without_secret(self, shape: ValueShape, found: re.Match[str]) -> str:
        """Return what a shape has matched with its secret replaced."""
        has_group = "secret" in shape.expression.groupindex and found["secret"] is not None
        group = "secret" if has_group else 0
        begin, end = found.start(group) - found.start(), found.end(group) - found.start()
        whole = found.group()
        return whole[:begin] + self.replace(shape.id, found[group]) + whole[end:]

    def _redact_named(self, text: str) -> str:
        """Replace the values of names of secrets: in queries, and after `=` or `:`."""
        if self._is_on("url-query") and ("?" in text or "&" in text):
            text = redact_query(text, lambda secret: self.replace("url-query", secret))
        if not self._is_on("assignment"):
            return text

        return apply_edits(text, self._assigned(text))

    def _assigned(self, text: str) -> Iterator[Edit[str]]:
        position = 0
        for found in _NAME.finditer(text):
            if found.start() < position or not names.is_secret_name(found["name"]):
                continue
            value = _VALUE.match(text, found.end())
            if value is not None and _is_assigned(found["sign"], value.group()):
                position = value.end()
                yield value.start(), position, self.replace("assignment", value.group())

    def redact_known(self, text: str, depth: int = 0) -> str:
        """Replace what was a secret before: as it is, escaped, percent-encoded, in base64."""
        data = text.encode("utf-8", "surrogatepass")
        redacted = apply_edits(data, self._known(data, depth))
        return text if redacted is data else redacted.decode("utf-8", "surrogatepass")

    def _known(self, data: bytes, depth: int) -> Iterator[Edit[bytes]]:
        """Iterate over the replacements of known secrets; in base64, of all digits around them."""
        position = 0
        for secret in self.secrets.find(data):
            if secret.begin < position:
                continue
            begin, end, placeholder = secret.begin, secret.end, f"REDACTED-{secret.number}".encode()
            if secret.is_base64:
                while begin > position and data[begin - 1] in _BASE64_DIGIT:
                    begin -= 1
                while end < len(data) and data[end] in _BASE64_DIGIT:
                    end += 1
                while end < len(data) and data[end] == ord("="):
                    end += 1
                placeholder = self._redact_digits(data[begin:end], depth) or placeholder
            self.count("known-value")
            position = end
            yield begin, end, placeholder

    def _redact_digits(self, digits: bytes, depth: int) -> bytes | None:
        """Return base64 digits without the known secrets in them; None if they do not decode."""
        if depth >= _MAX_DEPTH:
            return None
        is_url = b"-" in digits or b"_" in digits
        bare = digits.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        if len(bare) % 4 == 1:
            return None
        try:
            data = b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        except (Base64Error, ValueError):
            return None
        redacted = self.redact_bytes(data, depth + 1)
        if redacted is data:
            return None
        encoded = (urlsafe_b64encode if is_url else b64encode)(redacted)
        return encoded if len(digits) % 4 == 0 else encoded.rstrip(b"=")


def is_binary(data: bytes) -> bool:
    """Return whether some bytes begin with what is no text, so that they may be protobuf."""
    return _CONTROL.search(data, 0, _MAX_SEARCHED_BYTES) is not None


def _is_assigned(sign: str, value: str) -> bool:
    """Return whether a text after a name is its value, and not just the next word."""
    if PLACEHOLDER.match(value):
        return False
    if not sign.strip():
        return not value.startswith("-")
    is_quoted = sign[-1] in "\"'"
    return "=" in sign or is_quoted or len(value) >= 16 or _RANDOM.search(value) is not None
