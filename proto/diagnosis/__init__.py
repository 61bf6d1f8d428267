"""Malformed parts of a stream of records: position, reason, and the next record.

Start with examiner.py: bytes in, findings out, resynchronising after damage; valid_runs.py reads
what is not damaged. problems.py lists every problem with its name and severity. json_content.py and
protobuf_content.py examine the message in a record, length_errors.py and length_dialects.py explain
a bad length, and heartbeats.py checks the order and times of events.
"""
