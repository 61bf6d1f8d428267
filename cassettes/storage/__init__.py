"""Cassette files: opening, indexing, reading and repairing them.

Start with reader.py. opening.py opens plain and compressed files, and index.py scans a file once
and keeps an offset per document. repair.py removes a document
that a crash cut off.
"""
