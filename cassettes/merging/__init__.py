"""Merge the cassettes of several recorders into one.

Start with merging.py. merged_numbers.py numbers the exchanges and connections of all of them, and
moved_documents.py writes a document with another number and time.
"""
