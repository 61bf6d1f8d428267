"""Cassette files: opening, indexing, reading, validating and repairing them.

Start with reader.py. index.py scans a file once and keeps one offset per document;
validation.py reports every problem of a file, and repair.py removes a document that a crash cut
off.
"""
