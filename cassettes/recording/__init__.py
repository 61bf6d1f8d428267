"""From observations of traffic to the documents of a cassette.

Start with observations.py, what the proxy reports, then recording.py, which turns observations
into documents. redaction.py replaces secrets before anything is written, and writer.py owns the
file.
"""
