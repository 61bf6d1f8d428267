"""What was said, kept: the format, reading, writing, matching, playback. Imports only proto."""
