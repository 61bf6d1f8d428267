"""The commands of the command line, but for `inspect`.

Start with record.py and replay.py; the options that they share are in options.py, and what all
print in console.py. Only mitm.py imports mitmproxy.
"""
