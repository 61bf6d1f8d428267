"""The commands as `mesotape --help` lists them, a file for each of its sections.

Start with traffic.py: record, replay and demo. reading.py looks at recordings, changing.py checks
and changes cassettes, converting.py has export and import, installation.py doctor and completion.
Options of several commands, and how their text becomes values, are in arguments/.
"""
