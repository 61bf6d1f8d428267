"""The commands that record and replay.

Start with record.py and replay.py, whose server is run by serving.py. What all print is in
console.py. Only mitm.py imports mitmproxy.
"""
