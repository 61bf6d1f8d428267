"""The replay server: sockets, connections, requests and their responses.

Start with server.py, which listens, then answering.py, which turns requests into responses, and
connection.py, one client's connection. ports.py has the protocols between these parts. Streams are
sent by proxy/streams.
"""
