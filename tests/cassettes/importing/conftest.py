"""Fixtures of these tests."""

from support.captured_cassettes import captured

__all__ = ["captured"]
