"""Cassette files: opening, reading and repairing them.

Start with reader.py. opening.py opens plain and compressed files. document_reader.py reads
documents one by one, and repair.py removes one that a crash cut off. new_file.py writes a file
beside another and puts it in its place.
"""
