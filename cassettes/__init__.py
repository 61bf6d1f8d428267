"""Recorded traffic: format, reading, writing, matching, playback. Imports only proto."""
