"""From observations of traffic to the documents of a cassette.

Start with observations.py, which the proxy reports, then recording.py, which turns observations
into documents. stream.py records one stream of records, and writer.py owns the file.
"""
