"""Command lines without their arguments.

    curl -u admin:hunter2 http://x | tee out; sleep 5      programs, options and numbers stay
    curl -u REDACTED-1 REDACTED-2 | tee REDACTED-3; sleep 5

A secret in a command line has neither a name nor a form of its own. So every argument is replaced,
except what the shell's grammar needs: operators, variables, options without a value, and small
numbers. A program is kept if it is a path or has a plain name.
"""

import re
from collections.abc import Callable

from ..known_secrets.parts import is_random
from .names import words

_PART = re.compile(
    r"""(?P<space>\s+)
    |(?P<quote>["'`])
    |(?P<operator>\|\|?|&&?|;;?|[()<>]|[{}!](?![^\s;]))
    |(?P<word>[^\s|&;()<>"'`]+)""",
    re.VERBOSE,
)
_KEPT = re.compile(
    r".{1,3}|-[A-Za-z]{1,3}|--[a-z][a-z-]{0,31}"  # an option
    r"|[0-9]{1,4}(?:\.[0-9]{1,3})?[smhd]?|[-=+:.,/*\[\]@%#]{1,2}"
    r"|\$\{?[A-Za-z_][A-Za-z0-9_]{0,63}\}?|\$[0-9@#?*$]"  # a variable
    r"|/dev/(?:null|stdout|stderr)"
)
_ASSIGNMENT = re.compile(
    r"(-{1,2}[A-Za-z][A-Za-z0-9_.-]{0,63}=|[A-Za-z_][A-Za-z0-9_]{0,63}=)(.*)", re.DOTALL
)
_PROGRAM = re.compile(
    r"\.{0,2}/[\w.+-]{1,64}(?:/[\w.+-]{1,64}){0,16}|[a-z]{1,16}(?:-[a-z]{1,16}){0,3}"
)

_SHELL_WORDS = words(
    """
    case do done elif else esac eval exec exit export false fi for function if in nohup read set
    sudo then time trap true until while
    """
)
_PROGRAMS = frozenset(("base64", "md5sum", "python2", "python3", "sha256sum"))
_SHELLS = frozenset(("bash", "dash", "sh", "zsh", "/bin/bash", "/bin/sh"))


def redact_command(command: str, replace: Callable[[str], str]) -> str:
    """Return a command line in which `replace` has replaced every argument."""
    pieces: list[str] = []
    # Where a program may stand: at the beginning, and after an operator or a word of the shell.
    is_program = True
    quote = ""  # the open quote, if its content is not a command itself
    for part in _PART.finditer(command):
        text = part.group()
        match part.lastgroup:
            case "space":
                is_program = is_program or ("\n" in text and not quote)
            case "quote":
                if text == quote:
                    quote = ""
                elif not quote and not _begins_command(pieces):
                    quote = text
                elif not quote:
                    is_program = True
            case "operator":
                # In `?a=1&b=2` it is a part of a word.
                is_end = command[part.end() : part.end() + 1].strip() == ""
                is_program = not quote and is_end and text not in "<>"
            case _:
                pieces.append(_redact_word(text, replace, is_program=is_program))
                is_program = is_program and (text in _SHELL_WORDS or "=" in text)
                continue
        pieces.append(text)
    return "".join(pieces)


def _redact_word(word: str, replace: Callable[[str], str], *, is_program: bool) -> str:
    if _KEPT.fullmatch(word) or word in _SHELL_WORDS:
        return word
    if (assignment := _ASSIGNMENT.fullmatch(word)) is not None:
        name, value = assignment.groups()
        # Base64 looks like a name, too: `c2VjcmV0MTIz==`.
        if not is_random(name) and value.strip("="):
            return word if _KEPT.fullmatch(value) else name + replace(value)
        return word if not value and name.isupper() else replace(word)
    if is_program and (word in _PROGRAMS or _PROGRAM.fullmatch(word)):
        return word
    return replace(word)


def _begins_command(pieces: list[str]) -> bool:
    """Return whether a quote after these pieces begins a command: `sh -c "…"`."""
    words = [piece for piece in pieces[-6:] if not piece.isspace()]
    return len(words) >= 2 and words[-1] == "-c" and words[-2] in _SHELLS
