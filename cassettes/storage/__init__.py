"""Cassette files: opening, indexing, reading and repairing them.

Start with reader.py. opening.py opens plain and compressed files, and index.py scans a file once
and keeps an offset per document: segments.py cuts the file, and document_heads.py reads the heads
of its documents. document_reader.py reads documents one by one, and repair.py removes one that a
crash cut off. new_file.py writes a file beside another and puts it in its place.
"""
