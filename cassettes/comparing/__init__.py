"""Compares two recordings by meaning, and names every difference.

Start with comparison.py. transcript.py reads a cassette into tables of messages and ids,
id_pairing.py finds which ids of two recordings stand for each other, alignment.py aligns two
sequences, and field_changes.py compares two messages field by field.
"""
