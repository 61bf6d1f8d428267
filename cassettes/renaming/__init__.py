"""Readable names in a cassette: ids, hosts and times.

Start with renaming.py. names.py collects what is to be renamed and has the new names, id_texts.py
and host_texts.py find ids and hosts in a text, times.py moves times, and renamer.py puts the parts
of a document together.
"""
