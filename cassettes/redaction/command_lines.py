"""Command lines without their arguments.

    curl -u admin:hunter2 http://x | tee out; sleep 5      programs, options and numbers stay
    curl -u REDACTED-1 REDACTED-2 | tee REDACTED-3; sleep 5

A secret in a command line has neither a name nor a form of its own. So every argument is replaced,
except what the shell's grammar needs: operators, variables, options without a value, and small
numbers. A program is kept if it is a path or a common name.
"""

import re
from collections.abc import Callable

from .names import words

_PART = re.compile(
    r"""(?P<space>\s+)
    |(?P<quote>["'`])
    |(?P<operator>\|\|?|&&?|;;?|[(){}!<>])
    |(?P<word>[^\s|&;(){}!<>"'`]+)""",
    re.VERBOSE,
)
_KEPT = re.compile(
    r"-[A-Za-z]{1,3}|--[a-z][a-z-]{0,31}"  # an option
    r"|[0-9]{1,4}(?:\.[0-9]{1,3})?[smhd]?|[-=+:.,/*\[\]@%#]{1,2}"
    r"|\$\{?[A-Za-z_][A-Za-z0-9_]{0,63}\}?|\$[0-9@#?*$]"  # a variable
    r"|/dev/(?:null|stdout|stderr)"
)
_ASSIGNMENT = re.compile(
    r"(-{1,2}[A-Za-z][A-Za-z0-9_.-]{0,63}=|[A-Za-z_][A-Za-z0-9_]{0,63}=)(.*)", re.DOTALL
)
_PROGRAM_PATH = re.compile(r"\.{0,2}/[\w.+-]{1,64}(?:/[\w.+-]{1,64}){0,16}|mesos-[a-z-]{1,32}")

_SHELL_WORDS = words(
    """
    case do done elif else esac eval exec exit export false fi for function if in nohup read set
    sudo then time trap true until while
    """
)
_PROGRAMS = words(
    """
    apt-get awk base64 basename bash cat cd chmod chown cmp cp curl cut dash date dd df diff
    dirname docker du echo env expr find git go grep gunzip gzip head hostname id java jq kill
    kubectl ln ls make mkdir mktemp mount mv nc nginx node npm openssl perl pgrep ping pip pkill
    printenv printf ps psql pwd python python3 redis-cli rm rmdir rsync ruby scp sed seq sh
    sleep sort ssh stat tail tar tee test timeout touch tr ulimit umask uname uniq unzip wait wc
    wget which whoami xargs yes zip zsh
    """
)
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
        return word if not value or _KEPT.fullmatch(value) else name + replace(value)
    if is_program and (word in _PROGRAMS or _PROGRAM_PATH.fullmatch(word)):
        return word
    return replace(word)


def _begins_command(pieces: list[str]) -> bool:
    """Return whether a quote after these pieces begins a command: `sh -c "…"`."""
    words = [piece for piece in pieces[-6:] if not piece.isspace()]
    return len(words) >= 2 and words[-1] == "-c" and words[-2] in _SHELLS
