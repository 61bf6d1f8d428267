"""Rows that describe what is in a cassette, a raw stream or a mitmproxy flow file.

Start with rows.py, the types of rows. cassette_rows.py reads a cassette, flow_rows.py exchanges
that were kept whole, stream_rows.py the bytes of one stream. `proxy/inspect` formats rows for
people and programs.
"""
