"""Rows that describe what is in a cassette, a raw stream or a mitmproxy flow file.

Start with rows.py, the types of rows. Formatting them for a terminal is the work of
`proxy/inspect`.
"""
