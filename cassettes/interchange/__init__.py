"""Cassettes in the formats of other tools, and their files as cassettes.

Start with recorded.py, which reads a cassette as whole exchanges; har_writer.py, json_lines.py and
record_stream.py write files. details.py is what comes back although a format has no member for it,
and losses.py lists what does not.
"""
