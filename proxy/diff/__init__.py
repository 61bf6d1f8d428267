"""`mesotape diff`: name the differences of two recordings, or of one and a running server.

Start with command.py. report.py formats the differences for people and for GitHub, and
live_answers.py sends calls that only read (reads.py) to a server.
"""
