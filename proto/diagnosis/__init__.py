"""What is wrong with a stream of records, and where.

Start with examiner.py: bytes in, findings out, resynchronising after damage. problems.py lists
every problem with its code. content.py examines the message in a sound record, length_errors.py
and length_dialects.py explain a bad length, and heartbeats.py watches the interval of
heartbeats.
"""
