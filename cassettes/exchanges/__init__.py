"""The recorded exchanges of a playback: read from cassettes, parsed, and kept by their keys.

Start with recorded_exchanges.py. exchange_table.py keeps exchanges in columns, and
deferred_exchanges.py those of large cassettes that are added when a request may have their key,
whose calls are in call_rows.py, by the digests that call_digests.py computes.
"""
