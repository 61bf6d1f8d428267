"""`mesotape record` as a child process, for a replay that records what its cassette lacks.

Start with recorder_process.py. The pytest plugin uses it, and `mesotape replay --record-misses`.
"""
