"""Fixtures that the tests of all cassette folders share."""

from support.capture_cassettes import recorded
from support.playback_cassettes import play

__all__ = ["play", "recorded"]
