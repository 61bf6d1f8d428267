"""A line of `mesotape doctor`."""

from typing import Literal

from msgspec import Struct


class CheckResult(Struct, frozen=True):
    """Something that was looked at: fine, worth a warning, or an error that keeps it from working.

    The text of a warning or an error ends with the way out.
    """

    subject: str
    level: Literal["ok", "warning", "error"]
    text: str
