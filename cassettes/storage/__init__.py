"""Cassette files: opening, indexing, reading and repairing them.

Start with reader.py. opening.py opens plain and compressed files, and index.py scans a file once
and keeps an offset per document: segments.py cuts the file, and document_heads.py reads the heads
of its documents. repair.py removes a document that a crash cut off.
"""
