"""The commands of the command line, but for `inspect`, `scan` and `redact`.

Start with record.py and replay.py, whose server is run by serving.py. What all print is in
console.py. Only mitm.py imports mitmproxy.
"""
