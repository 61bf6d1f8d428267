"""The streams of a replay server: sent step by step, on one schedule of deadlines.

Start with stream_sender.py, which sends the steps of one stream. schedule.py wakes all streams at
their deadlines, stream_registry.py lists them, and ports.py has what a stream needs of its server.
"""
