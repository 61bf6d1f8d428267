"""The replay server: sockets, connections, streams and their schedule.

Start with server.py, which listens, then answering.py, which turns requests into responses, and
connection.py, one client's connection. stream_sender.py sends the steps of one stream, schedule.py
wakes all streams at their deadlines, and ports.py has the protocols between these parts.
"""
