"""Cassette files: opening, reading and repairing them.

Start with reader.py. opening.py opens plain and compressed files. document_reader.py reads
documents one by one, stream_reader.py the records of a stream. repair.py removes what a crash cut
off. new_file.py writes a file beside another and puts it in its place.
"""
